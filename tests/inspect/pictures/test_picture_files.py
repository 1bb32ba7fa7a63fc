"""Every picture can be written as a PNG and as an SVG, at a size to look at, and says what its axes are."""

import struct
import sys

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import data
from fnn.inspect import pictures

DRAWN = np.random.default_rng(0)
GATE = data.and_gate()


def neuron(x):
    return jax.nn.sigmoid(8 * (x.sum(-1) - 1.5))


def hidden(x):
    return jnp.stack([neuron(x), x[:, 0]], axis=1)


PICTURES = {
    "decision_regions": lambda: pictures.decision_regions(neuron, GATE, resolution=40),
    "compare_regions": lambda: pictures.compare_regions({"a": neuron, "b": hidden}, GATE, resolution=40),
    "hidden_regions": lambda: pictures.hidden_regions(hidden, neuron, GATE, title="AND"),
    "error_surface": lambda: pictures.error_surface(
        lambda w: jnp.square(w).sum(-1), ((-1, 1), (-2, 2)), paths={"descent": DRAWN.normal(size=(9, 2))}
    ),
    "curves": lambda: pictures.curves({"a": DRAWN.normal(size=30), "b": np.arange(5)}),
    "confusion_matrix": lambda: pictures.confusion_matrix(np.array([[8, 1], [0, 9]])),
    "image_grid": lambda: pictures.image_grid(DRAWN.uniform(size=(5, 4, 6)), title="images"),
    "mistakes": lambda: pictures.mistakes(DRAWN.uniform(size=(2, 4, 4)), np.array([0, 1]), np.eye(2)[::-1]),
    "weights": lambda: pictures.weights(DRAWN.normal(size=(16, 9)), (4, 4)),
    "filters": lambda: pictures.filters(DRAWN.normal(size=(5, 5, 1, 6))),
    "filters of colours": lambda: pictures.filters(DRAWN.normal(size=(3, 3, 3, 12))),
    "feature_maps": lambda: pictures.feature_maps(DRAWN.uniform(size=(3, 8, 8)), DRAWN.uniform(size=(3, 4, 4, 5))),
    "segmentations": lambda: pictures.segmentations(
        DRAWN.uniform(size=(5, 8, 8)), DRAWN.integers(0, 4, (5, 8, 8)), DRAWN.integers(0, 4, (5, 8, 8))
    ),
    "roofline": lambda: pictures.roofline(1e12, 1e11, {"linear": (50.0, 8e11), "relu": (0.1, 9e9)}),
}


WITHOUT_AXES = ("image_grid", "mistakes", "weights", "filters", "filters of colours", "feature_maps", "segmentations")


@pytest.mark.parametrize("name", PICTURES)
def test_a_picture_is_a_png_and_an_svg(name, tmp_path):
    figure = PICTURES[name]()
    figure.savefig(tmp_path / "picture.png")
    figure.savefig(tmp_path / "picture.svg")
    content = (tmp_path / "picture.png").read_bytes()
    width, height = struct.unpack(">II", content[16:24])
    assert content.startswith(b"\x89PNG\r\n\x1a\n") and 150 < width < 2000 and 100 < height < 2000
    assert "</svg>" in (tmp_path / "picture.svg").read_text()
    if name not in WITHOUT_AXES:
        assert figure.axes[-1].get_xlabel() or figure.axes[-1].get_ylabel()


def test_without_matplotlib_the_sentence_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ImportError, match=r'pictures need matplotlib; pip install "fnn\[experiments\]"'):
        pictures.curves({"a": [1.0, 2.0]})
