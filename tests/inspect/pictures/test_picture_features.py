"""Windows, feature maps and segmentations: what is drawn, and what is refused."""

import numpy as np
import pytest
from matplotlib.colors import to_rgb

from fnn.inspect import pictures
from fnn.inspect.pictures.regions import COLOURS

DRAW = np.random.default_rng(0)


def drawn(figure):
    """Return every image of a figure, panel by panel."""
    return [np.asarray(image.get_array()) for axes in figure.axes for image in axes.get_images()]


def test_windows_of_one_channel_are_its_weights():
    w = DRAW.normal(size=(5, 3, 1, 4))
    np.testing.assert_array_equal(np.stack(drawn(pictures.filters(w))), w[:, :, 0].transpose(2, 0, 1))


def test_windows_of_three_channels_are_colours_around_grey():
    w = np.zeros((3, 3, 3, 2))
    w[1, 1, :, 0] = (2.0, -2.0, 1.0)
    first, second = drawn(pictures.filters(w))
    np.testing.assert_array_equal(first[1, 1], (1, 0, 0.75))
    assert (first[0] == 0.5).all() and (second == 0.5).all()


def test_a_column_of_feature_maps_has_one_scale():
    images, maps = DRAW.uniform(size=(2, 6, 6)), DRAW.uniform(size=(2, 3, 3, 4))
    figure = pictures.feature_maps(images, maps, most=3)
    found = drawn(figure)
    assert len(found) == 2 * 4
    np.testing.assert_allclose(found[1:4], (maps[0] / maps.max((0, 1, 2)))[..., :3].transpose(2, 0, 1))
    assert "first 3 of 4" in figure.get_suptitle()


def test_segmentations_show_classes_in_their_colours_and_what_is_wrong_in_red():
    labels, answers = np.zeros((1, 2, 2), int), np.zeros((1, 2, 2), int)
    labels[0, 0] = (1, 2)
    answers[0, 0] = (1, 0)
    _, wanted, given, wrong = drawn(pictures.segmentations(np.zeros((1, 2, 2)), labels, answers))
    np.testing.assert_allclose(wanted[0], [to_rgb(COLOURS[0]), to_rgb(COLOURS[1])])
    np.testing.assert_allclose(given[0, 1], (1, 1, 1))
    assert (wrong[0, 0] == 1).all() and wrong[0, 1, 0] > 0.8 > wrong[0, 1, 1]


@pytest.mark.parametrize(
    ("call", "text"),
    [
        (lambda: pictures.filters(np.zeros((3, 3, 2, 4))), "2 channels, wanted 1"),
        (lambda: pictures.filters(np.zeros((3, 4))), r"wanted \(height, width, channels, features\)"),
        (lambda: pictures.feature_maps(np.zeros((2, 4, 4)), np.zeros((3, 2, 2, 5))), "2 images and maps of 3"),
        (lambda: pictures.feature_maps(np.zeros((1, 4, 4)), np.full((1, 2, 2, 1), np.nan)), "NaN or infinite"),
        (lambda: pictures.feature_maps(np.zeros((1, 4, 4)), np.zeros((1, 2, 2, 1)), most=0), "most = 0"),
        (
            lambda: pictures.segmentations(np.zeros((1, 4, 4)), np.zeros((1, 4, 4), int), np.zeros((1, 2, 2), int)),
            r"answers are int64 of shape \(1, 2, 2\).*one for each pixel, \(1, 4, 4\)",
        ),
        (
            lambda: pictures.segmentations(np.zeros((1, 4, 4)), np.zeros((1, 4, 4)), np.zeros((1, 4, 4), int)),
            "labels are float64",
        ),
    ],
)
def test_what_cannot_be_drawn_is_refused(call, text):
    with pytest.raises(ValueError, match=text):
        call()
