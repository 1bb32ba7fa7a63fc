"""The pictures of taps show every layer with its name, and say in words what they cannot draw."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import inspect, layers, rules
from fnn.inspect import pictures

X = np.random.default_rng(0).normal(size=(16, 3)).astype(np.float32)
DRAWN = (
    pictures.activation_histograms,
    pictures.gradient_histograms,
    pictures.gradient_flow,
    pictures.dead_units,
)


def watch(net, bins=16):
    params, state = net.init(jax.random.key(0), X)
    watched = jax.jit(inspect.taps(lambda p, x: (net.apply(p, state, x)[0] ** 2).mean(), bins=bins))
    _, grads, taps = watched(params, X)
    return taps.updated(params, jax.tree.map(lambda p, g: p - 0.1 * g, params, grads))


def with_dead(key, shape, dtype):
    """Return a weight whose first two columns never give a positive number for positive inputs."""
    return jnp.abs(jax.random.normal(key, shape, dtype)) * jnp.where(jnp.arange(shape[1]) < 2, -1, 1)[None]


NET = layers.serial(
    layers.stateless("size", abs),
    layers.dense(5, weight=with_dead),
    layers.relu(),
    layers.repeat(layers.residual(layers.tanh()), 2),
    layers.dense(2),
)
BROKEN = layers.serial(
    layers.dense(2), layers.stateless("zero", lambda x: 0 * x), layers.stateless("root", rules.sqrt), layers.dense(2)
)


@pytest.fixture(scope="module")
def taps():
    return watch(NET)


def names(axes):
    return [label.get_text() for label in axes.get_yticklabels()]


def texts(axes):
    return [text.get_text() for text in axes.texts]


@pytest.mark.parametrize("draw", DRAWN, ids=lambda draw: draw.__name__)
def test_every_picture_has_names_and_is_written(draw, taps, tmp_path):
    figure = draw(taps)
    for axes in figure.axes:
        assert axes.get_ylabel()
    assert figure.axes[0].get_title() and figure.axes[0].get_xlabel()
    for suffix in ("png", "svg"):
        figure.savefig(tmp_path / f"picture.{suffix}")
        assert (tmp_path / f"picture.{suffix}").stat().st_size > 1000


def test_histograms_have_a_curve_for_each_layer(taps):
    rows = taps.rows()
    for draw, which in ((pictures.activation_histograms, "output"), (pictures.gradient_histograms, "cotangent")):
        axes = draw(taps).axes[0]
        assert names(axes) == [path for path, _ in rows]
        curves: Any = axes.patches[::2]  # each is drawn twice, its area and its edge
        assert len(curves) == len(rows)
        for curve, (_, row) in zip(curves, rows, strict=True):
            statistics = getattr(row, which)
            values, edges, baseline = curve.get_data()
            np.testing.assert_allclose(edges, statistics.edges)
            heights = baseline - values
            np.testing.assert_allclose(
                heights / heights.max(), statistics.histogram / statistics.histogram.max(), atol=1e-6
            )
    with pytest.raises(ValueError, match=r"no histograms; ask for them by taps\(loss, bins=64\)"):
        pictures.activation_histograms(watch(NET, bins=0))


def test_layers_of_other_scales_stand_on_a_logarithmic_axis():
    small = layers.serial(layers.dense(4), layers.stateless("less", lambda x: 1e-9 * x), layers.tanh())
    axes = pictures.activation_histograms(watch(small)).axes[0]
    assert axes.get_xscale() == "symlog" and 3 <= len(axes.get_xticks()) <= 9
    assert all("rms" in text for text in texts(axes))


def test_gradient_flow_shows_the_numbers_and_marks_what_it_cannot(taps):
    layer, parameter = pictures.gradient_flow(taps).axes
    np.testing.assert_allclose(np.asarray(layer.lines[0].get_xdata()), [row.cotangent.rms for _, row in taps.rows()])
    ratios = np.array([entry.gradient_ratio for entry in taps.params.values()])
    np.testing.assert_allclose(
        np.asarray(parameter.lines[0].get_xdata()), np.where(np.isfinite(ratios), ratios, np.nan)
    )
    updates = np.array([entry.update_ratio for entry in taps.params.values()])
    np.testing.assert_allclose(
        np.asarray(parameter.lines[1].get_xdata()), np.where(np.isfinite(updates), updates, np.nan)
    )
    assert names(parameter) == ["params[1].w", "params[1].b", "params[4].w", "params[4].b"]
    at_zero = next(line for line in parameter.lines if line.get_label() == "the weight is 0")
    assert np.asarray(at_zero.get_ydata()).tolist() == [1, 3]
    broken = pictures.gradient_flow(watch(BROKEN)).axes
    for axes, wanted in zip(broken, ([0, 1], [0, 1]), strict=True):
        marked = next(line for line in axes.lines if line.get_label() == "not finite")
        assert np.asarray(marked.get_ydata()).tolist() == wanted


def test_what_is_not_finite_or_zero_is_said_beside_the_histograms():
    taps = watch(BROKEN)
    assert [text.split()[-2:] for text in texts(pictures.gradient_histograms(taps).axes[0])[:2]] == [
        ["not", "finite"]
    ] * 2
    assert texts(pictures.activation_histograms(taps).axes[0])[1:] == ["all zero"] * 3


def test_dead_units_are_counted_and_sorted(taps):
    axes, colours = pictures.dead_units(taps).axes
    assert names(axes)[0] == "serial[2].relu" and len(names(axes)) == 3
    assert texts(axes) == 3 * ["2 of 5 dead"]  # tanh(0) = 0 hands the silence of ReLU on
    shares = np.asarray(axes.collections[0].get_array()).ravel()
    assert list(shares) == sorted(taps.layers["serial[2].relu"].output.zero_by_unit, reverse=True)
    assert "share of examples" in colours.get_ylabel()


def test_a_deep_network_is_drawn_in_part_and_an_empty_one_is_refused():
    deep = watch(layers.repeat(layers.tanh(), 99))
    axes = pictures.gradient_flow(deep).axes[0]
    assert len(names(axes)) == 60 and "60 of 100 layers" in axes.get_title()
    with pytest.raises(ValueError, match="these taps have no layer"):
        pictures.dead_units(deep.only("no such layer"))
