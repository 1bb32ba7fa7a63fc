"""Regions: the colour at a point is that of the class that the network answers there, and lines are where they are."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.colors import to_rgb
from matplotlib.contour import ContourSet

from fnn import data
from fnn.data import Examples
from fnn.inspect import pictures
from fnn.inspect.pictures.regions import COLOURS

CENTRES = np.stack([np.cos(np.arange(10) * np.pi / 5), np.sin(np.arange(10) * np.pi / 5)], axis=1)


def neuron(x):
    return jax.nn.sigmoid(20 * (x[:, 0] + x[:, 1] - 1.5))


def seen(figure, axes, points):
    """Return the colours, numbers from 0 to 1, that are drawn at points of the axes."""
    canvas = FigureCanvasAgg(figure)
    canvas.draw()
    pixels = np.asarray(canvas.buffer_rgba())[..., :3] / 255
    columns, rows = axes.transData.transform(points).astype(int).T
    return pixels[pixels.shape[0] - 1 - rows, columns]


def nearest_class(colours):
    """Return the class whose colour is nearest in direction: soft colours are strong ones with white."""
    strong = np.array([to_rgb(colour) for colour in COLOURS])
    return [int(np.abs(0.4 * strong + 0.6 - colour).sum(1).argmin()) for colour in colours]


def lines(axes):
    """Return the points of all contour lines of the axes."""
    return [
        np.asarray(path.vertices)
        for artist in axes.collections
        if isinstance(artist, ContourSet) and not artist.filled
        for path in artist.get_paths()
    ]


def test_one_output_colours_each_side_of_its_line_by_class():
    figure = pictures.decision_regions(neuron, data.and_gate(), title="AND", names=["no", "yes"], resolution=80)
    (axes,) = figure.axes
    assert (axes.get_xlabel(), axes.get_ylabel(), axes.get_title()) == ("x1", "x2", "AND")
    assert axes.get_aspect() == 1
    points = np.array([[0.1, 0.1], [0.5, 0.5], [0.2, 0.9], [0.9, 0.9], [1.05, 0.85]])
    assert nearest_class(seen(figure, axes, points)) == [0, 0, 0, 1, 1]
    (line,) = lines(axes)
    np.testing.assert_allclose(line.sum(1), 1.5, atol=1e-3)  # interpolation between 80 points
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["no", "yes"]


def test_ten_classes_have_ten_colours_and_ten_markers():
    examples = Examples(CENTRES.astype(np.float32), np.arange(10))
    figure = pictures.decision_regions(lambda x: x @ np.float32(CENTRES.T), examples, resolution=100)
    (axes,) = figure.axes
    assert nearest_class(seen(figure, axes, 0.7 * CENTRES)) == list(range(10))
    drawn = [artist for artist in axes.collections if not isinstance(artist, ContourSet)]
    np.testing.assert_allclose(np.concatenate([artist.get_offsets() for artist in drawn]), CENTRES, atol=1e-6)
    assert len({np.asarray(artist.get_paths()[0].vertices).tobytes() for artist in drawn}) == 10


def test_a_class_that_is_never_the_answer_has_no_region():
    examples = Examples(CENTRES[:3], np.arange(3))
    figure = pictures.decision_regions(lambda x: jnp.stack([x[:, 0], x[:, 1], 0 * x[:, 0] - 9], 1), examples)
    assert sum(isinstance(artist, ContourSet) for artist in figure.axes[0].collections) == 2


def test_the_plane_holds_the_data_with_a_border_and_equal_scales():
    flat = Examples(np.array([[0.0, 5.0], [10.0, 5.0]]), np.array([0, 1]))
    (axes,) = pictures.decision_regions(lambda x: 0 * x[:, 0], flat, resolution=5).axes
    np.testing.assert_allclose([*axes.get_xlim(), *axes.get_ylim()], [-1.5, 11.5, 1, 9])
    one = Examples(np.zeros((1, 2), np.int32), np.array([0]))
    assert pictures.decision_regions(lambda x: 0 * x[:, 0], one, resolution=5).axes[0].get_xlim()[0] < 0


def test_panels_are_titled_and_share_a_legend():
    answers = {f"after {n}": lambda x, n=n: neuron(x + n / 8) for n in range(6)}
    figure = pictures.compare_regions(answers, data.and_gate(), resolution=20)
    assert [axes.get_title() for axes in figure.axes] == list(answers) and len(figure.legends) == 1
    assert [axes.get_xlabel() for axes in figure.axes] == [""] * 3 + ["x1"] * 3
    assert [axes.get_ylabel() for axes in figure.axes] == ["x2", "", ""] * 2


UNITS = {  # with where the unit changes sides, along x1
    "sigmoid": (lambda x1: jax.nn.sigmoid(9 * (x1 - 0.3)), 0.3),
    "step": (lambda x1: jnp.where(x1 >= 0.3, 1.0, 0.0).astype(x1.dtype), 0.3),
    "tanh": (lambda x1: jnp.tanh(x1 - 0.3), 0.3),
    "linear": (lambda x1: 5 * (x1 - 0.3), 0.3),
    "relu": (lambda x1: jax.nn.relu(4 * (x1 - 0.3)), 0.3),
    "small relu": (lambda x1: jax.nn.relu(0.5 * (x1 - 0.3)), 0.3),
    "dead": (lambda x1: 0 * x1, None),
    "always on": (lambda x1: jax.nn.relu(x1 + 5), None),
}


def test_each_hidden_unit_has_its_line_where_it_changes_sides():
    def hidden(x):
        return jnp.stack([unit(x[:, 0]) for unit, _ in UNITS.values()], axis=1)

    figure = pictures.hidden_regions(hidden, neuron, data.and_gate(), title="AND")
    *panels, whole = figure.axes
    assert whole.get_title() == "the whole network" and panels[0].get_title().startswith("unit 1")
    for axes, (name, (_, edge)) in zip(panels, UNITS.items(), strict=True):
        found = lines(axes)
        assert len(found) == (edge is not None), name
        for line in found:
            np.testing.assert_allclose(line[:, 0], edge, atol=1.3 / 199, err_msg=name)  # one step of the grid
    assert len(lines(whole)) == 1 + sum(edge is not None for _, edge in UNITS.values())


ONE = np.ones((1, 2), np.float32)
WRONG = {  # the sentence, and the answer, x and y of which it is said
    r"x of the examples has shape \(4, 3\), wanted \(count, 2\)": (neuron, np.ones((4, 3)), np.zeros(4, int)),
    "holds 1 values that are NaN": (neuron, np.array([[0, 1], [np.nan, 1]]), np.zeros(2, int)),
    "the examples are empty": (neuron, np.zeros((0, 2)), np.zeros(0, int)),
    "10 classes want labels from 0 to 9": (neuron, ONE, np.array([10])),
    "wanted one label an example": (neuron, ONE, np.array([[1]])),
    "one output tells 2 classes apart, and there are labels up to 2": (neuron, ONE, np.array([2])),
    "has scores of 2 classes, and there are labels up to 2": (lambda x: x, ONE, np.array([2])),
    r"wanted probabilities \(n,\), or scores": (lambda x: x[:, :1], ONE, np.array([0])),
    r"wanted \(900, classes\)": (lambda x: x[:, None], ONE, np.array([0])),
    "what answer returns for 900 points holds 900 values": (lambda x: x[:, 0] * jnp.nan, ONE, np.array([0])),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_cannot_be_drawn_is_a_sentence(sentence):
    answer, x, y = WRONG[sentence]
    with pytest.raises(ValueError, match=sentence):
        pictures.decision_regions(answer, Examples(x, y), resolution=30)


def test_wrong_names_sizes_and_units_are_sentences():
    gate = data.and_gate()
    with pytest.raises(TypeError, match="labels are integers"):
        pictures.decision_regions(neuron, Examples(gate.x, gate.x[:, 0]))
    with pytest.raises(ValueError, match="names has 1 names, wanted one for each of 2 classes"):
        pictures.decision_regions(neuron, gate, names=["no"], resolution=5)
    with pytest.raises(ValueError, match="resolution = 1, wanted 2"):
        pictures.decision_regions(neuron, gate, resolution=1)
    with pytest.raises(ValueError, match="there is no answer to draw"):
        pictures.compare_regions({}, gate)
    with pytest.raises(ValueError, match="hidden has 25 units, wanted 24 or fewer"):
        pictures.hidden_regions(lambda x: jnp.tile(x[:, :1], (1, 25)), neuron, gate)
    with pytest.raises(ValueError, match=r"what hidden returns for 40000 points has shape \(40000,\), wanted"):
        pictures.hidden_regions(neuron, neuron, gate)
