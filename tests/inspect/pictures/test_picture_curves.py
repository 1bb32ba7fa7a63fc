"""Curves: their points, gaps, axes and names, and what is refused."""

import jax.numpy as jnp
import numpy as np
import pytest

from fnn.inspect import pictures


def test_curves_of_different_lengths_stand_at_their_steps():
    values = {"sgd": np.random.default_rng(0).normal(size=30), "adam": jnp.arange(4)}
    figure = pictures.curves(values, x_label="epoch", y_label="error", title="two")
    (axes,) = figure.axes
    for line, (name, wanted) in zip(axes.lines, values.items(), strict=True):
        np.testing.assert_array_equal(np.transpose(np.asarray(line.get_xydata())), [np.arange(len(wanted)), wanted])
        assert line.get_label() == name and line.get_marker() == ("o" if len(wanted) < 25 else "None")
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("epoch", "error", "two")
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["sgd", "adam"]


def test_one_curve_that_the_axis_names_has_no_legend():
    assert not pictures.curves({"loss": [2.0, 1.0]}).legends
    assert pictures.curves({"sgd": [2.0, 1.0]}).legends


def test_given_places_and_logarithmic_axes():
    figure = pictures.curves({"a": [0.02, 0.3, 5.0]}, x=[1, 10, 1000], log=True, log_x=True)
    (axes,) = figure.axes
    assert axes.get_xscale() == axes.get_yscale() == "log"
    np.testing.assert_array_equal(axes.lines[0].get_xdata(), [1, 10, 1000])
    figure.draw_without_rendering()
    assert {"0.02", "0.1", "5"} <= {text.get_text() for text in axes.get_yticklabels()}  # plain numbers: few decades


def test_points_that_cannot_be_drawn_are_gaps():
    values = {"a": [1.0, np.nan, -2.0, np.inf, 3.0]}
    np.testing.assert_array_equal(pictures.curves(values).axes[0].lines[0].get_ydata(), [1, np.nan, -2, np.nan, 3])
    np.testing.assert_array_equal(
        pictures.curves(values, log=True).axes[0].lines[0].get_ydata(), [1, np.nan, np.nan, np.nan, 3]
    )


def test_more_curves_than_colours_differ_in_their_dashes():
    (axes,) = pictures.curves({str(n): [0.0, n] for n in range(12)}).axes
    assert len({(line.get_color(), line.get_linestyle()) for line in axes.lines}) == 12


WRONG = {
    "there is no curve to draw": lambda: pictures.curves({}),
    "curve 'a' has shape \\(2, 2\\), wanted \\(count,\\)": lambda: pictures.curves({"a": np.ones((2, 2))}),
    "curve 'a' has 2 points, and x has 3": lambda: pictures.curves({"a": [1.0, 2.0]}, x=[1, 2, 3]),
    "curve 'a' has no point to draw among 0": lambda: pictures.curves({"a": np.ones(0)}),
    "curve 'a' has no point to draw among 1: wanted a finite number": lambda: pictures.curves({"a": [np.nan]}),
    "wanted a number greater than 0": lambda: pictures.curves({"a": [-1.0, 0.0]}, log=True),
    "curve 'a' holds <U1": lambda: pictures.curves({"a": ["x"]}),
    "curve 'a' holds bool": lambda: pictures.curves({"a": [True, False]}),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_cannot_be_drawn_is_a_sentence(sentence):
    with pytest.raises(ValueError, match=sentence):
        WRONG[sentence]()
