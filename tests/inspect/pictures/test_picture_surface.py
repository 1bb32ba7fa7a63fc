"""The error surface: its levels, its paths from start to end, its minima, and what it refuses."""

import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.contour import ContourSet

from fnn.inspect import pictures

SPAN = ((-2.0, 2.0), (-1.0, 3.0))


def bowl(w):
    return jnp.square(w).sum(-1)


def rosenbrock(w):
    return jnp.square(1 - w[..., 0]) + 100 * jnp.square(w[..., 1] - jnp.square(w[..., 0]))


def test_paths_are_lines_with_their_starts_ends_and_names():
    paths = {name: np.cumsum(np.random.default_rng(n).normal(size=(20, 2)), 0) for n, name in enumerate("ab")}
    figure = pictures.error_surface(bowl, SPAN, paths=paths, minima=[(0, 0)], title="bowl", x_label="w", y_label="v")
    axes, bar = figure.axes
    assert (axes.get_title(), axes.get_xlabel(), axes.get_ylabel(), bar.get_ylabel()) == ("bowl", "w", "v", "error")
    assert (axes.get_xlim(), axes.get_ylim()) == SPAN
    drawn = [np.asarray(line.get_xydata()) for line in axes.lines]
    for position, path in enumerate(paths.values()):
        line, start, end = drawn[3 * position : 3 * position + 3]
        np.testing.assert_array_equal(line, path)
        np.testing.assert_array_equal([start[0], end[0]], path[[0, -1]])
    np.testing.assert_array_equal(drawn[6], [[0, 0]])
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["a", "b", "minimum", "start", "end"]


@pytest.mark.parametrize("log", [False, True])
def test_levels_span_the_errors_evenly_or_in_the_logarithm(log):
    (axes, _) = pictures.error_surface(rosenbrock, SPAN, log=log).axes
    filled = next(artist for artist in axes.collections if isinstance(artist, ContourSet) and artist.filled)
    levels = np.asarray(filled.levels)
    steps = np.diff(np.log(levels) if log else levels)
    np.testing.assert_allclose(steps, steps[0], rtol=1e-6)
    assert levels[-1] >= 2500 * (1 - 1e-6) and 15 <= len(levels) <= 30  # 9 + 100 · 25 at (-2, -1)


def test_a_flat_surface_a_zero_and_no_path_can_be_drawn():
    pictures.error_surface(lambda w: 0 * w[..., 0] + 3, SPAN)
    pictures.error_surface(lambda w: 0 * w[..., 0] + 3, SPAN, log=True)
    exact = pictures.error_surface(lambda w: jnp.maximum(bowl(w) - 1, 0), SPAN, log=True)
    assert not exact.legends


WRONG = {
    "span = .* wanted": lambda: pictures.error_surface(bowl, ((1.0, 1.0), (0.0, 2.0))),
    "what error returns for the map has shape \\(200, 200, 2\\)": lambda: pictures.error_surface(lambda w: w, SPAN),
    "what error returns for the map holds 40000 values": lambda: pictures.error_surface(
        lambda w: bowl(w) * jnp.nan, SPAN
    ),
    "path 'sgd' has shape \\(3,\\), wanted \\(steps, 2\\)": lambda: pictures.error_surface(
        bowl, SPAN, paths={"sgd": np.ones(3)}
    ),
    "path 'sgd' is empty": lambda: pictures.error_surface(bowl, SPAN, paths={"sgd": np.ones((0, 2))}),
    "path 'sgd' holds 2 values that are NaN or infinite, the first at index 1, 0": lambda: pictures.error_surface(
        bowl, SPAN, paths={"sgd": np.array([[0, 0], [np.inf, np.nan]])}
    ),
    "minima has shape \\(2,\\), wanted \\(count, 2\\)": lambda: pictures.error_surface(bowl, SPAN, minima=(0, 0)),
    "log wants errors of 0 and above, and these are from -1": lambda: pictures.error_surface(
        lambda w: jnp.sin(9 * w[..., 0]), SPAN, log=True
    ),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_cannot_be_drawn_is_a_sentence(sentence):
    with pytest.raises(ValueError, match=sentence):
        WRONG[sentence]()
