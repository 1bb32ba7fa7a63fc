"""The geometry of windows: sizes as published, views and their adjoint, and what cannot be said of them."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.kernels.windows import fold, overlap_add, pad, transposed, unfold, unpad, view, windows


@pytest.mark.parametrize(
    ("size", "window", "stride", "padding", "dilation", "outputs"),
    [
        (224, 7, 2, 3, 1, 112),  # ResNet's stem
        (28, 5, 1, "SAME", 1, 28),
        (28, 2, 2, "VALID", 1, 14),
        (5, 3, 2, "SAME", 1, 3),
        (5, 3, 1, "VALID", 2, 1),
        (4, 1, 3, "SAME", 1, 2),
        (7, 3, 2, ((1, 0),), 1, 3),
    ],
)
def test_outputs(size, window, stride, padding, dilation, outputs):
    assert windows("test", (size,), window, stride, padding, dilation).outputs == (outputs,)


def test_same_pads_the_smaller_half_low():
    assert windows("test", (6, 5), 4, 1, "SAME").padding == ((1, 2), (1, 2))
    assert windows("test", (6,), 2, 2, "SAME").padding == ((0, 0),)


@pytest.mark.parametrize(
    ("sizes", "window", "stride", "padding", "dilation"),
    [
        ((7,), 3, 2, "SAME", 1),
        ((7, 6), (3, 2), (2, 3), ((1, 0), 2), (2, 1)),
        ((3, 4, 5), 2, 2, "VALID", 1),
        ((9,), 2, 3, 1, 4),
        ((8,), 1, 3, "VALID", 1),
    ],
)
def test_overlap_add_is_the_adjoint_of_the_views(sizes, window, stride, padding, dilation):
    where = windows("test", sizes, window, stride, padding, dilation)
    draw = np.random.default_rng(0)
    with jax.enable_x64(True):
        x = jnp.asarray(draw.normal(size=(2, *sizes, 3)))
        views, pull = jax.vjp(lambda x: jnp.stack([view(pad(x, where), where, j) for j in where.entries]), x)
        dy = draw.normal(size=views.shape)
        back = overlap_add(lambda j: jnp.asarray(dy[where.entries.index(j)]), where)
        np.testing.assert_allclose(back, pull(dy)[0], atol=1e-14)
        np.testing.assert_array_equal(unpad(pad(x, where), where), x)
        rows = jnp.asarray(np.moveaxis(dy, 0, -2).reshape(*unfold(x, where).shape))
        np.testing.assert_allclose(fold(rows, where), back, atol=1e-14)


@pytest.mark.parametrize(
    ("count", "window", "stride", "padding", "more", "size"),
    [(14, 4, 2, 1, 0, 28), (5, 3, 2, 1, 1, 10), (5, 3, 2, "SAME", 0, 10), (4, 1, 2, "SAME", 0, 8), (3, 2, 3, 0, 2, 10)],
)
def test_transposed_windows_are_those_of_the_convolution(count, window, stride, padding, more, size):
    where = transposed("test", (count,), (window,), stride, padding, more)
    assert where.sizes == (size,) and where.outputs == (count,)


@pytest.mark.parametrize(
    ("given", "sentence"),
    [
        (((0,), 3, 1, 5), "wanted no empty axis"),
        (((4,), 5, 1, "VALID"), r"the window \(5,\) is larger than the padded input \(4,\)"),
        (((4,), 3, 1, "VALID", 2), r"with dilation \(2,\) spans \(5,\)"),
        (((4,), 0, 1, 0), "window = 0, wanted a positive number"),
        (((4, 4), (2,), 1, 0), "a tuple of 2, one for each spatial axis"),
        (((4,), 2, -1, 0), "stride = -1"),
        (((4,), 2, 1, "same"), "padding = 'same', wanted 'SAME', 'VALID'"),
        (((4,), 2, 1, -1), "padding = -1"),
        (((4,), 2, 1, (2, 2)), r"padding = \(2, 2\), wanted .* or a tuple of 1, one for each spatial axis"),
    ],
)
def test_errors_say_what_was_wanted(given, sentence):
    with pytest.raises(ValueError, match=f"^test: .*{sentence}"):
        windows("test", *given)


def test_errors_of_transposed_windows():
    with pytest.raises(ValueError, match="output_padding = 2, wanted numbers >= 0 and below the stride"):
        transposed("test", (4,), (3,), 2, 0, 2)
    with pytest.raises(ValueError, match="leaves nothing"):
        transposed("test", (1,), (2,), 1, 1, 0)
    with pytest.raises(ValueError, match="no empty axis"):
        transposed("test", (0,), (2,), 1, 0, 0)
