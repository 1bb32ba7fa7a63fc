"""The roofline: the roofs meet at the ridge, kernels stand where they were measured, and nothing overlaps."""

import math

import numpy as np
import pytest

from fnn.inspect import pictures

KERNELS = {"linear": (200.0, 4e13), "relu": (0.1, 4e11), "softmax": (1.2, 2e12)}


def test_the_roof_is_the_attainable_rate():
    (axes,) = pictures.roofline(6e13, 5e12, KERNELS, title="device").axes
    intensity, rate = np.asarray(axes.lines[0].get_data())
    np.testing.assert_allclose(rate, np.minimum(6e13, 5e12 * intensity))
    assert intensity[1] == 12 and axes.get_title() == "device"
    assert (axes.get_xlabel(), axes.get_ylabel()) == ("arithmetic intensity (FLOP/byte)", "rate (FLOP/s)")
    assert axes.get_xscale() == axes.get_yscale() == "log"


def test_kernels_stand_at_their_rates_with_the_share_that_they_reach():
    figure = pictures.roofline(6e13, 5e12, KERNELS)
    drawn = [np.asarray(line.get_xydata())[0] for line in figure.axes[0].lines[2:]]
    np.testing.assert_array_equal(drawn, list(KERNELS.values()))
    assert [text.get_text() for text in figure.legends[0].get_texts()] == ["linear, 67%", "relu, 80%", "softmax, 33%"]


def test_labels_lie_apart_and_inside_the_picture():
    figure = pictures.roofline(6e13, 5e12, KERNELS)
    (axes,) = figure.axes
    figure.draw_without_rendering()
    peak, memory = (text.get_window_extent() for text in axes.texts)
    legend = figure.legends[0].get_window_extent()
    assert not peak.overlaps(memory) and not any(box.overlaps(legend) for box in (peak, memory, axes.bbox))
    for intensity, rate in KERNELS.values():
        spot = axes.transData.transform((intensity, rate))
        assert axes.bbox.contains(*spot) and not peak.contains(*spot)
    assert [text.get_text() for text in axes.texts] == ["peak 60 TFLOP/s", "memory 5 TB/s"]


def test_no_kernels_are_only_roofs():
    assert not pictures.roofline(1e12, 1e11, {}).legends


@pytest.mark.parametrize("wrong", [0.0, -1.0, math.nan, math.inf])
def test_what_cannot_be_drawn_is_a_sentence(wrong):
    with pytest.raises(ValueError, match=r"peak is .*, wanted a finite number greater than 0"):
        pictures.roofline(wrong, 1e11, {})
    with pytest.raises(ValueError, match="bandwidth is "):
        pictures.roofline(1e12, wrong, {})
    with pytest.raises(ValueError, match="the rate of 'relu' is "):
        pictures.roofline(1e12, 1e11, {"relu": (1.0, wrong)})
