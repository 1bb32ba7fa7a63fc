"""Padding and concatenation: numbers by hand, borders of borders, widths at the limits."""

from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules

MODES = ["zeros", "reflect", "circular", "replicate"]
NUMPY: dict[str, Any] = {"zeros": "constant", "reflect": "reflect", "circular": "wrap", "replicate": "edge"}


def line(*numbers: float):
    return jnp.array(numbers, jnp.float32).reshape(1, -1, 1)


@pytest.mark.parametrize(
    "mode, want, gradient",
    [
        ("zeros", [0, 0, 1, 2, 3, 0], [30, 40, 50]),
        ("reflect", [3, 2, 1, 2, 3, 2], [30, 40 + 20 + 60, 50 + 10]),
        ("circular", [2, 3, 1, 2, 3, 1], [30 + 60, 40 + 10, 50 + 20]),
        ("replicate", [1, 1, 1, 2, 3, 3], [30 + 20 + 10, 40, 50 + 60]),
    ],
)
def test_numbers_by_hand(mode, want, gradient):
    y, pull = jax.vjp(lambda x: rules.pad(x, padding=((2, 1),), mode=mode), line(1, 2, 3))
    assert y.ravel().tolist() == want
    assert pull(line(10, 20, 30, 40, 50, 60))[0].ravel().tolist() == gradient


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(
    "padding, pairs",
    [
        (0, ((0, 0), (0, 0))),
        (1, ((1, 1), (1, 1))),
        ((0, 2), ((0, 0), (2, 2))),
        (((2, 0), (0, 1)), ((2, 0), (0, 1))),
        (((1, 2), 2), ((1, 2), (2, 2))),
    ],
)
def test_two_axes_against_numpy_and_the_adjoint(mode, padding, pairs):
    x = np.random.default_rng(0).normal(size=(2, 3, 4, 2)).astype(np.float32)
    y, pull = jax.vjp(lambda x: rules.pad(x, padding=padding, mode=mode), x)
    np.testing.assert_array_equal(y, np.pad(x, ((0, 0), *pairs, (0, 0)), mode=NUMPY[mode]))
    # The gradient of the sum counts how often each entry stands in the output.
    numbered = np.arange(1, 13).reshape(1, 3, 4, 1)
    spread = np.pad(numbered, ((0, 0), *pairs, (0, 0)), mode=NUMPY[mode])
    times = np.bincount(spread.ravel(), minlength=13)[1:].reshape(3, 4)
    np.testing.assert_array_equal(pull(jnp.ones_like(y))[0], np.broadcast_to(times[None, :, :, None], x.shape))


def test_widths_at_the_limits():
    x = line(1, 2, 3)
    assert rules.pad(x, padding=2, mode="reflect").ravel().tolist() == [3, 2, 1, 2, 3, 2, 1]
    assert rules.pad(x, padding=3, mode="circular").ravel().tolist() == [1, 2, 3] * 3
    assert rules.pad(line(5), padding=4, mode="replicate").ravel().tolist() == [5] * 9
    assert rules.pad(line(5), padding=1, mode="circular").ravel().tolist() == [5] * 3
    assert rules.pad(line(5), padding=0, mode="reflect").ravel().tolist() == [5]
    gradient = jax.grad(lambda x: rules.pad(x, padding=3, mode="circular").sum())(x)
    assert gradient.ravel().tolist() == [3, 3, 3]


@pytest.mark.parametrize("mode", MODES)
def test_half_precision_and_integers(mode):
    x = jnp.arange(1, 4, dtype=jnp.bfloat16).reshape(1, 3, 1)
    y, pull = jax.vjp(lambda x: rules.pad(x, padding=2, mode=mode), x)
    assert y.dtype == pull(y)[0].dtype == jnp.bfloat16
    assert rules.pad(jnp.ones((1, 3, 1), jnp.int32), padding=2, mode=mode).dtype == jnp.int32


def test_replicate_sums_beyond_half_precision():
    pull = jax.vjp(lambda x: rules.pad(x, padding=((511, 0),), mode="replicate"), jnp.ones((1, 1, 1), jnp.bfloat16))[1]
    assert pull(jnp.ones((1, 512, 1), jnp.bfloat16))[0].item() == 512  # bfloat16 would stop counting at 256


def test_concatenate():
    a, b, c = jnp.ones((2, 1)), jnp.zeros((2, 0)), 2 * jnp.ones((2, 3))
    y, pull = jax.vjp(lambda *xs: rules.concatenate(xs), a, b, c)
    assert y.tolist() == [[1, 2, 2, 2]] * 2
    got = pull(jnp.arange(8.0).reshape(2, 4))
    assert [part.tolist() for part in got] == [[[0], [4]], [[], []], [[1, 2, 3], [5, 6, 7]]]
    assert rules.concatenate((a, a), axis=0).shape == (4, 1)
    assert rules.concatenate((a, a), axis=-2).shape == (4, 1)
