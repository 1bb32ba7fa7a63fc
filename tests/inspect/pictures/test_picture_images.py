"""Grids of images, mistakes, weights and the confusion matrix: what is drawn, in which order, with which text."""

import numpy as np
import pytest

from fnn.inspect import pictures


def texts(figure):
    (axes,) = figure.axes
    return [axes.get_title(), *(text.get_text() for text in axes.texts)]


def test_confusion_matrix_has_every_number_and_the_share_that_is_right():
    counts = np.array([[8, 2, 0], [1, 7, 2], [0, 0, 0]])  # the last class has no examples
    figure = pictures.confusion_matrix(counts, names=["cat", "dog", "hen"])
    assert texts(figure) == ["15 of 20 right, 75.00%", "8", "2", "0", "1", "7", "2", "0", "0", "0"]
    assert [label.get_text() for label in figure.axes[0].get_yticklabels()] == ["cat", "dog", "hen"]


@pytest.mark.parametrize("count", [0, 1, 7, 20])
def test_grids_of_any_size(count):
    images = np.random.default_rng(0).normal(size=(count, 6, 5)).astype(np.float32)
    figure = pictures.image_grid(images, title="images", texts=["a\nb"] * count, symmetric=True)
    assert texts(figure) == ["images"] + ["a\nb"] * count
    for drawn, image in zip(figure.axes[0].images, images, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), image)
        assert drawn.get_clim() == (-np.abs(image).max(), np.abs(image).max())  # white is zero


def test_mistakes_are_the_wrong_answers_the_surest_first():
    images = np.random.default_rng(0).uniform(size=(4, 8, 8)).astype(np.float32)
    probabilities = np.array([[0.9, 0.1], [0.4, 0.6], [0.2, 0.8], [0.3, 0.7]], np.float32)
    labels = np.array([0, 0, 1, 0])
    figure = pictures.mistakes(images, labels, probabilities)
    title = "2 of 4 test images are answered wrongly"
    assert texts(figure) == [title, "label 0\nanswer 1 (70%)", "label 0\nanswer 1 (60%)"]
    np.testing.assert_array_equal([image.get_array() for image in figure.axes[0].images], images[[3, 1]])
    figure = pictures.mistakes(images, labels, probabilities, most=1, names=["no", "yes"])
    assert texts(figure) == [f"{title}; the 1 surest", "label no\nanswer yes (70%)"]


def test_no_mistakes_are_said_to_be_none():
    figure = pictures.mistakes(np.ones((2, 8, 8)), np.array([0, 1]), np.eye(2))
    assert texts(figure) == ["none of 2 test images is answered wrongly"]


def test_each_units_weights_are_an_image():
    w = np.random.default_rng(0).normal(size=(6, 5))
    figure = pictures.weights(w, (2, 3), title="first layer")
    assert texts(figure) == ["first layer"]
    for drawn, unit in zip(figure.axes[0].images, w.T, strict=True):
        np.testing.assert_array_equal(drawn.get_array(), unit.reshape(2, 3))


IMAGES, LABELS, SURE = np.ones((2, 3, 3)), np.array([0, 1]), np.eye(2)
WRONG = {
    "counts is .* wanted how often each label": lambda: pictures.confusion_matrix(np.ones((2, 3), int)),
    "counts is float64 of shape": lambda: pictures.confusion_matrix(np.ones((2, 2))),
    "from -1: wanted how often": lambda: pictures.confusion_matrix(np.array([[-1]])),
    "counts is empty": lambda: pictures.confusion_matrix(np.ones((0, 0), int)),
    "names has 1 names, wanted one for each of 2 classes": lambda: pictures.confusion_matrix(
        np.eye(2, dtype=int), names=["a"]
    ),
    "images has shape \\(3, 3\\), wanted \\(count, height, width\\)": lambda: pictures.image_grid(IMAGES[0], title=""),
    "images holds 18 values that are NaN": lambda: pictures.image_grid(IMAGES * np.nan, title=""),
    "there are 1 texts for 2 images": lambda: pictures.image_grid(IMAGES, title="", texts=["a"]),
    "columns = 0, wanted 1 or more": lambda: pictures.image_grid(IMAGES, title="", columns=0),
    "there are 2 images, 1 labels and 2 rows": lambda: pictures.mistakes(IMAGES, LABELS[:1], SURE),
    "label 2 at index 0 is out of range": lambda: pictures.mistakes(IMAGES, LABELS + 2, SURE),
    "names has 3 names": lambda: pictures.mistakes(IMAGES, LABELS, SURE, names="abc"),
    "w has 4 input features, and an image of shape \\(3, 3\\) has 9 pixels": lambda: pictures.weights(
        np.ones((4, 2)), (3, 3)
    ),
}


@pytest.mark.parametrize("sentence", WRONG)
def test_what_cannot_be_drawn_is_a_sentence(sentence):
    with pytest.raises(ValueError, match=sentence):
        WRONG[sentence]()
