"""Taps tell the truth and change nothing: statistics against NumPy in float64 of a network written out by hand."""

import math

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from taps_oracle import EPS, KEY, NET, PARAMS, STATE, X, agrees, loss, oracle

from fnn import check, inspect, layers
from fnn.inspect.tapping.measure import measured, probe, sums


@pytest.fixture(scope="module")
def seen():
    return jax.jit(inspect.taps(loss, bins=16))(PARAMS, X)


@pytest.fixture(scope="module")
def wanted():
    return oracle(X)


def test_every_layer_and_repetition_is_seen_in_the_order_of_the_forward(seen, wanted):
    activations, cotangents = wanted
    rows = dict(seen[2].rows())
    order = [path for path in activations if path in rows]
    # One layer's statistics stand after its inner layers', so that the order of the written network is theirs.
    assert [*rows] == order and set(rows) == set(activations)
    for path, row in rows.items():
        agrees(row.output, activations[path])
        agrees(row.cotangent, cotangents[path])
        assert row.calls == 1
    assert seen[2].layers["serial[4].repeat[:3].serial[1].repeat[:2].residual.sigmoid"].output.rms.shape == (3, 2)


def test_value_aux_and_gradient_are_what_they_are_without(seen):
    (value, aux), grads, _ = seen
    (plain, plain_aux), plain_grads = jax.jit(jax.value_and_grad(loss, has_aux=True))(PARAMS, X)
    np.testing.assert_allclose(value, plain, rtol=4 * EPS)
    pairs = zip(jax.tree.leaves((grads, aux)), jax.tree.leaves((plain_grads, plain_aux)), strict=True)
    for got, want in pairs:
        np.testing.assert_allclose(got, want, rtol=64 * EPS, atol=64 * EPS * abs(want).max())


def test_histograms_are_those_of_numpy(seen, wanted):
    for path, row in seen[2].rows():
        for statistics, array in zip((row.output, row.cotangent), (wanted[0][path], wanted[1][path]), strict=True):
            edges = statistics.edges
            np.testing.assert_allclose(edges, statistics.rms * np.linspace(-4, 4, 17), rtol=4 * EPS)
            counts, _ = np.histogram(np.clip(array, edges[0], edges[-1]), edges)
            # An entry on an edge may fall on either side of it.
            assert abs(np.cumsum(statistics.histogram * array.size) - np.cumsum(counts)).max() <= 1.01
            np.testing.assert_allclose(statistics.histogram.sum(), 1, rtol=16 * EPS)


def test_saturated_units_are_counted_where_the_slope_is_known(seen, wanted):
    slopes = {"relu": lambda y: y > 0, "tanh": lambda y: 1 - y * y, "sigmoid": lambda y: y * (1 - y)}
    for path, row in seen[2].rows():
        slope = slopes.get(path.split(".")[-1])
        if slope is None:
            assert np.isnan(row.saturated)
        else:
            np.testing.assert_allclose(row.saturated, (slope(np.asarray(wanted[0][path])) < 0.05).mean(), rtol=EPS)
    softmax = layers.serial(layers.softmax(), layers.hard_tanh())
    found = inspect.taps(lambda x: softmax.apply(((), ()), ((), ()), x)[0][0, 0])(jnp.asarray(3 * X))[2].layers
    assert np.isnan(found["serial[0].softmax"].saturated) and found["serial[1].hard_tanh"].saturated == 0


def test_parameters_gradients_and_updates(seen):
    _, grads, taps = seen
    assert [*taps.params][:3] == ["params[0].w", "params[0].b", "params[3].w"]
    after = jax.tree.map(lambda p, g: p - 0.5 * g, PARAMS, grads)
    updated = taps.updated(PARAMS, after).params
    for (name, entry), w, g in zip(updated.items(), jax.tree.leaves(PARAMS), jax.tree.leaves(grads), strict=True):
        size = np.linalg.norm(np.asarray(w, np.float64)), np.linalg.norm(np.asarray(g, np.float64))
        np.testing.assert_allclose(entry.weight, size[0] / math.sqrt(w.size), rtol=64 * EPS)
        np.testing.assert_allclose(entry.gradient, size[1] / math.sqrt(w.size), rtol=64 * EPS)
        want = size[1] / size[0] if size[0] else math.inf
        np.testing.assert_allclose(entry.gradient_ratio, want, rtol=64 * EPS)
        np.testing.assert_allclose(entry.update_ratio, want / 2, rtol=1e-4)  # p - g/2 is rounded to p
        assert np.isnan(taps.params[name].update_ratio)


def test_zero_over_zero_is_zero_and_anything_over_zero_is_infinite():
    def f(params):
        return (params["a"] * params["b"]).sum() + 0 * params["c"].sum()

    params = {"a": jnp.zeros(2), "b": jnp.ones(2), "c": jnp.zeros(3)}
    taps = inspect.taps(f)(params)[2].updated(params, {**params, "b": jnp.full(2, 3.0)})
    ratios = {name: (float(p.gradient_ratio), float(p.update_ratio)) for name, p in taps.params.items()}
    assert ratios == {"params['a']": (math.inf, 0.0), "params['b']": (0.0, 2.0), "params['c']": (0.0, 0.0)}


@pytest.mark.parametrize("scale", (1e-36, 1e-30, 1e-20, 1e-12, 1e12, 1e20, 1e36))
def test_no_number_is_too_small_or_too_large_to_be_squared(scale):
    x = scale * np.array([[1, -2, 0], [0.5, 1, 0]], np.float32)
    got = np.asarray(sums((jnp.asarray(x),), bins=0))
    scales = (2.0**90, 1.0, 2.0**-76)
    rms = math.hypot(*(math.sqrt(square) / s for square, s in zip(got[1:4].astype(np.float64), scales, strict=True)))
    np.testing.assert_allclose(rms, scale * math.sqrt(6.25 / 6), rtol=16 * EPS)
    layer = inspect.taps(lambda x: inspect.tap("x", x)[0, 0])(jnp.asarray(x))[2].layers["x"]
    agrees(layer.output, x)
    known = inspect.taps(lambda w: (w + inspect.tap("x", jnp.full(3, scale))).sum())(jnp.float32(1))[2]
    agrees(known.layers["x"].output, np.full(3, scale))  # XLA folds what it knows by other rules


def test_the_statistics_of_what_is_not_finite_are_those_of_the_rest():
    x = np.array([[1, np.inf, 0], [-np.inf, np.nan, -3]], np.float32)
    weight = np.array([[np.nan, 1, 2], [-2, 0, np.inf]], np.float32)
    layer = jax.jit(inspect.taps(lambda x: (inspect.tap("x", x) * weight).sum(), bins=4))(x)[2].layers["x"]
    agrees(layer.output, x)
    agrees(layer.cotangent, weight)
    np.testing.assert_allclose(layer.output.histogram, np.array([0, 1, 2, 0], np.float32) / 6)
    agrees(
        inspect.taps(lambda x: inspect.tap("x", x).sum())(np.full(3, np.nan))[2].layers["x"].output, np.full(3, np.nan)
    )


def test_remat_and_the_users_own_jit_and_scan_change_no_number(seen):
    def inside(params, x):
        apply = jax.checkpoint(jax.jit(lambda params, x: NET.apply(params, STATE, x)[0]))
        y = apply(params, x)
        return jnp.mean(jnp.sin(y) * jnp.arange(1, 3, dtype=y.dtype).reshape(1, 2))

    got = jax.jit(inspect.taps(inside))(PARAMS, X)[2]
    np.testing.assert_array_equal(got.numbers[:, -1], 1)
    np.testing.assert_allclose(got.numbers, seen[2].numbers, rtol=64 * EPS, atol=64 * EPS)

    def scanned(w, xs):
        return jax.lax.scan(lambda total, x: (total + inspect.tap("h", jnp.tanh(x @ w)).sum(), None), 0.0, xs)[0]

    # The scan is traced once more, for 0.0 is of a weak type: the first of the two is a layer that never runs.
    layer = next(layer for layer in inspect.taps(scanned)(jnp.ones((3, 2)), X)[2].layers.values() if layer.calls > 0)
    h = np.tanh(X @ np.ones((3, 2)))
    assert layer.calls == 8
    agrees(layer.output, h, calls=8)
    agrees(layer.cotangent, np.ones_like(h), calls=8)


def test_under_vmap_all_calls_are_measured_together(wanted):
    def mean(params, x):
        return jnp.mean(jax.vmap(lambda x: loss(params, x[None])[0])(x))

    layers_seen = jax.jit(inspect.taps(mean))(PARAMS, X)[2]
    for path, row in layers_seen.rows():
        assert row.calls == len(X) and np.isnan(row.output.largest)
        agrees(row.output, wanted[0][path], calls=len(X))
        agrees(row.cotangent, wanted[1][path], calls=len(X))
    assert "8 calls together" in str(layers_seen)


def test_an_ensemble_of_taps_is_that_of_each(seen):
    stack = jax.tree.map(lambda leaf: jnp.stack([leaf, 2 * leaf]), PARAMS)
    both = jax.jit(jax.vmap(inspect.taps(loss), (0, None)))(stack, X)[2]
    first = jax.tree.map(lambda leaf: leaf[0], both)
    np.testing.assert_allclose(first.numbers, seen[2].numbers, rtol=64 * EPS, atol=64 * EPS)
    with pytest.raises(ValueError, match=r"taps of \(2,\) steps; choose one"):
        str(both)
    assert both.layers["serial[4].repeat[:3].serial[0].residual"].output.rms.shape == (2, 3)


def test_half_precision_is_measured_in_float32():
    x = jnp.asarray(1000 + 10 * X, jnp.bfloat16)  # whose squares bfloat16 would sum to nothing of use
    taps = inspect.taps(lambda x: inspect.tap("x", x).astype(jnp.float32).sum())(x)[2]
    assert taps.numbers.dtype == jnp.float32
    agrees(taps.layers["x"].output, np.asarray(x.astype(jnp.float32)))


def test_float64_is_measured_in_float64():
    with jax.enable_x64(True):
        x = np.asarray(X, np.float64) * 1e-60
        taps = inspect.taps(lambda x: inspect.tap("x", x).sum())(jnp.asarray(x))[2]
        agrees(taps.layers["x"].output, x, eps=float(np.finfo(np.float64).eps))


def test_what_no_gradient_comes_to_says_so():
    def f(w, x):
        kept = jax.lax.cond(x[0, 0] > 9, lambda x: inspect.tap("not taken", x), lambda x: x * w, x)
        return (kept + jax.lax.stop_gradient(inspect.tap("stopped", x * w))).sum()

    taps = jax.jit(inspect.taps(f))(jnp.float32(2), X)[2]
    for name in ("not taken", "stopped"):
        assert taps.layers[name].calls == 0 and np.isnan(taps.layers[name].output.rms)
    assert str(taps).count("no gradient comes here") == 2
    assert inspect.find_non_finite(taps) is None


def test_a_loss_that_differentiates_within_keeps_its_gradient():
    net = layers.serial(layers.dense(4), layers.tanh(), layers.dense(1))
    params, state = net.init(KEY, X)

    def penalty(params, x):
        slope = jax.grad(lambda x: net.apply(params, state, x)[0].sum())(x)
        return jnp.sum(slope**2)

    (value, _), grads, _ = jax.jit(inspect.taps(penalty))(params, X)
    plain, plain_grads = jax.value_and_grad(penalty)(params, X)
    np.testing.assert_allclose(value, plain, rtol=16 * EPS)
    for got, want in zip(jax.tree.leaves(grads), jax.tree.leaves(plain_grads), strict=True):
        np.testing.assert_allclose(got, want, rtol=64 * EPS, atol=64 * EPS)


def test_one_compilation_serves_every_call_and_taps_stack_in_a_scan():
    traced = []

    def f(w, x):
        traced.append(0)
        return (inspect.tap("h", x @ w) ** 2).mean()

    def step(w, _):
        (value, _), grad, taps = watched(w, X)
        return w - 0.1 * grad, (value, taps)

    watched = inspect.taps(f)
    run = jax.jit(lambda w: jax.lax.scan(step, w, length=3))
    _, (values, taps) = run(jnp.ones((3, 2)))
    run(2 * jnp.ones((3, 2)))
    assert len(traced) == 2  # on shapes, and to be differentiated
    last = jax.tree.map(lambda leaf: leaf[-1], taps)
    np.testing.assert_allclose(last.layers["h"].output.rms ** 2, values[-1], rtol=16 * EPS)


def test_measured_is_the_identity_with_an_exact_backward_pass():
    y, bins = jnp.asarray(X), 5
    zeros, share = probe((y,), (), bins), jnp.float32(0.25)

    def identity(y):
        return measured((y,), probe((y,), (), bins), jnp.zeros((), y.dtype), bins=bins)[0]

    assert (report := check.rule(identity, y)).ok, str(report)
    out, pull = jax.vjp(lambda y, zeros: measured((y,), zeros, share, bins=bins)[0], y, zeros)
    dy, measurements = pull(2 * y)
    np.testing.assert_array_equal(out, y)
    np.testing.assert_array_equal(dy, 2 * y)
    parts = (sums((y,), bins=bins), sums((2 * y,), bins=bins), np.array([0.25, 1], np.float32))
    np.testing.assert_array_equal(measurements, np.concatenate(parts))
    kept = measured.residuals((y,), zeros, share, bins=bins)
    assert sum(leaf.size for leaf in jax.tree.leaves(kept)) == 7 + 3 + 5 + 1  # never y


def test_the_report_reads_in_words_and_in_140_columns(seen):
    text = str(seen[2])
    lines = text.splitlines()
    assert max(map(len, lines)) <= 140
    assert lines[0].split() == ["layer", "mean", "rms", "largest", "zero", "saturated", "grad", "rms", "largest"]
    starts = [line.split()[0] for line in lines if line.startswith("serial")]
    assert starts == [path for path, _ in seen[2].rows()]
    assert sum(line.startswith("params") for line in lines) == len(jax.tree.leaves(PARAMS))
    part = seen[2].only("sigmoid")
    assert len(part.rows()) == 6 and len(str(part).splitlines()) == 8
    np.testing.assert_array_equal(part.rows()[3][1].output.rms, dict(seen[2].rows())[part.rows()[3][0]].output.rms)

    def ill(params, x):
        for i in range(6):
            x = inspect.tap(
                "a very long name of a layer " * 4 + str(i), jnp.maximum(x * 1e-3, 0), slope=jnp.asarray(x > 0)
            )
        return (1e30 * inspect.tap("end", x * params) * 1e30).sum()

    text = str(inspect.taps(ill)(jnp.ones(()), -abs(X))[2])
    assert max(map(len, text.splitlines())) <= 140
    assert "3 of 3 units dead" in text and "NOT FINITE: 24 gradients" in text


BAD_LOSSES = {
    "vector": (lambda w: w, ValueError, r"loss has shape \(3,\), wanted a scalar"),
    "three": (lambda w: (w.sum(), 1, 2), TypeError, r"a tuple of 3, wanted a scalar or \(scalar, aux\)"),
}


@pytest.mark.parametrize("bad", BAD_LOSSES.values(), ids=BAD_LOSSES.keys())
def test_a_loss_that_returns_something_else_is_told_so(bad):
    f, error, text = bad
    with pytest.raises(error, match=text):
        inspect.taps(f)(jnp.ones(3))


def test_wrong_arguments_are_told_in_sentences(seen):
    with pytest.raises(TypeError, match=r"params\['n'\] is int32, wanted floating point"):
        inspect.taps(lambda params: params["w"] * 2.0)({"w": 1.0, "n": np.arange(3, dtype=np.int32)})
    with pytest.raises(ValueError, match="bins = -1"):
        inspect.taps(loss, bins=-1)
    with pytest.raises(TypeError, match="before and after must be the tapped ones"):
        seen[2].updated(PARAMS[:2], PARAMS[:2])
    unlike = iter(("a", "b"))
    with pytest.raises(RuntimeError, match="the layer b was not there"):
        inspect.taps(lambda w: inspect.tap(next(unlike), w))(jnp.ones(()))
