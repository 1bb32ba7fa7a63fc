"""Shift, flip and cut-out: where pixels go, how the draws are distributed, and what stays as it was."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import jaxtyping
import numpy as np
import pytest

from fnn import data

KEY = jax.random.key(5)
AUGMENTATIONS = {
    "shift": partial(data.random_shift, pixels=2),
    "flip": data.random_flip,
    "cut-out": partial(data.cut_out, side=3),
    "all": data.compose(partial(data.random_shift, pixels=1), data.random_flip, partial(data.cut_out, side=2)),
}


def images(batch: int, height: int = 5, width: int = 7, channels: int = 2, dtype=jnp.float32):
    """No pixel is zero, and no two of an image are equal."""
    size = height * width * channels
    return jnp.tile(jnp.arange(1, size + 1).reshape(1, height, width, channels), (batch, 1, 1, 1)).astype(dtype)


def shifted(image: np.ndarray, down: int, right: int) -> np.ndarray:
    height, width = image.shape[:2]
    y = np.zeros_like(image)
    y[max(down, 0) : height + min(down, 0), max(right, 0) : width + min(right, 0)] = image[
        max(-down, 0) : height + min(-down, 0), max(-right, 0) : width + min(-right, 0)
    ]
    return y


def uniform(counts: list[int], total: int) -> None:
    """Each count is within five standard deviations of an equal share."""
    share = 1 / len(counts)
    assert sum(counts) == total
    assert max(abs(count - total * share) for count in counts) < 5 * math.sqrt(total * share * (1 - share))


@pytest.mark.parametrize("name", AUGMENTATIONS)
@pytest.mark.parametrize("dtype", [jnp.float32, jnp.bfloat16, jnp.int32, jnp.uint8])
def test_shape_and_dtype_are_kept_and_the_key_decides(name, dtype):
    augment, x = AUGMENTATIONS[name], images(16, dtype=dtype)
    y = augment(KEY, x)
    assert y.shape == x.shape and y.dtype == dtype
    np.testing.assert_array_equal(jax.jit(augment)(KEY, x), y)
    assert (augment(jax.random.key(6), x) != y).any()
    assert set(np.unique(y)) <= {0, *np.unique(x).tolist()}  # nothing is made up


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_a_batch_of_one_and_an_old_key(name):
    x = images(1)
    y = AUGMENTATIONS[name](jax.random.PRNGKey(5), x)
    np.testing.assert_array_equal(y, AUGMENTATIONS[name](KEY, x))
    assert y.shape == x.shape


@pytest.mark.parametrize("name", AUGMENTATIONS)
def test_one_key_changes_images_and_masks_alike(name):
    x = images(8, channels=1)
    both = AUGMENTATIONS[name](KEY, jnp.concatenate([x, x, x], -1))
    mask = AUGMENTATIONS[name](KEY, x.astype(jnp.int32))
    np.testing.assert_array_equal(both.astype(jnp.int32), np.repeat(mask, 3, -1))


def test_shift_moves_each_image_by_its_own_draw_uniformly():
    x = images(2000)
    wanted = {(down, right): shifted(np.asarray(x[0]), down, right) for down in range(-2, 3) for right in range(-2, 3)}
    found = [
        sum(np.array_equal(y, want) for y in np.asarray(data.random_shift(KEY, x, pixels=2)))
        for want in wanted.values()
    ]
    uniform(found, len(x))
    np.testing.assert_array_equal(data.random_shift(KEY, x[:3], pixels=0), x[:3])


def test_a_shift_may_be_larger_than_the_image():
    y = np.asarray(data.random_shift(KEY, images(200, 2, 3), pixels=4))
    assert not y.all() and any(not image.any() for image in y) and any(image.any() for image in y)


def test_flip_mirrors_half_of_the_images_and_twice_is_the_identity():
    x = images(1000)
    y = data.random_flip(KEY, x)
    mirrored = np.asarray((y == x[:, :, ::-1]).all((1, 2, 3)))
    np.testing.assert_array_equal(y[~mirrored], x[~mirrored])
    uniform([mirrored.sum(), (~mirrored).sum()], len(x))
    np.testing.assert_array_equal(data.random_flip(KEY, y), x)


@pytest.mark.parametrize("side", [1, 2, 3, 5])
def test_cut_out_zeroes_a_square_around_a_uniform_centre(side):
    height, width, count = 6, 7, 3000
    x = images(count, height, width)
    y = np.asarray(data.cut_out(KEY, x, side=side))
    cut = (y == 0).all(-1)
    np.testing.assert_array_equal(y, np.where(cut[..., None], 0, x))
    wanted = []
    for row in range(height):
        for column in range(width):
            square = np.zeros((height, width), bool)
            low = row - side // 2, column - side // 2
            square[max(low[0], 0) : low[0] + side, max(low[1], 0) : low[1] + side] = True
            wanted.append(square)
    if side < 4:  # a larger square hides its centre where it hangs over
        uniform([(cut == square).all((1, 2)).sum() for square in wanted], count)
    assert cut.sum((1, 2)).max() == side**2 and cut.any((1, 2)).all()
    expected = np.mean([square.sum() for square in wanted])
    assert (
        abs(cut.sum((1, 2)).mean() - expected)
        < 5 * np.std([square.sum() for square in wanted]) / math.sqrt(count) + 1e-9
    )


def test_cut_out_of_nothing_and_of_everything():
    x = images(3)
    np.testing.assert_array_equal(data.cut_out(KEY, x, side=0), x)
    assert not data.cut_out(KEY, x, side=20).any()


def test_compose_gives_each_a_key_of_its_own():
    x = images(64)
    np.testing.assert_array_equal(data.compose()(KEY, x), x)
    # Two flips by one key would undo each other.
    assert (data.compose(data.random_flip, data.random_flip)(KEY, x) != x).any()
    both = data.compose(data.random_flip, AUGMENTATIONS["shift"])(KEY, x)
    first = data.random_flip(jax.random.fold_in(KEY, 0), x)
    np.testing.assert_array_equal(both, AUGMENTATIONS["shift"](jax.random.fold_in(KEY, 1), first))


def test_what_is_refused(monkeypatch):
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)
    for augment, name in ((AUGMENTATIONS["shift"], "random_shift"), (data.random_flip, "random_flip")):
        with pytest.raises(
            ValueError, match=rf"{name}: x has shape \(3, 4, 1\), wanted images \(batch, height, width, ch"
        ):
            augment(KEY, jnp.ones((3, 4, 1)))
    with pytest.raises(ValueError, match="random_shift: pixels = -1, wanted the largest shift, 0 or more"):
        data.random_shift(KEY, images(1), pixels=-1)
    with pytest.raises(ValueError, match="cut_out: side = -2, wanted the side of the square in pixels, 0 or more"):
        data.cut_out(KEY, images(1), side=-2)
