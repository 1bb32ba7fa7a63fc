"""Windows of a long text: the target is the next id, a stream goes on where it stopped, a draw is fair."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import data


@pytest.mark.parametrize("kind", [np.asarray, jnp.asarray])
@pytest.mark.parametrize("time, count", [(5, 1), (8, 1), (9, 2), (13, 3)])
def test_windows(kind, time, count):
    x, y = data.windows(kind(np.arange(time, dtype=np.int32)), 4)
    assert type(x) is type(kind([0])) and x.dtype == y.dtype == np.int32
    assert x.tolist() == np.arange(4 * count).reshape(count, 4).tolist() and (y == x + 1).all()
    assert data.check_examples(data.Examples(x, y), classes=time) == count


@pytest.mark.parametrize("time, steps", [(13, 2), (18, 2), (19, 3)])
def test_streams_go_on(time, steps):
    x, y = data.streams(np.arange(time), batch=2, length=3)
    assert x.shape == y.shape == (steps, 2, 3) and (y == x + 1).all()
    for row in range(2):  # the input goes on without a gap, in its row
        assert x[:, row].ravel().tolist() == list(range(row * 3 * steps, (row + 1) * 3 * steps))


def test_random_windows():
    draw = jax.jit(chex.assert_max_traces(data.random_windows, n=1), static_argnums=(2, 3))
    ids = jnp.arange(7, dtype=jnp.int32)
    x, y = draw(jax.random.key(0), ids, 2000, 4)
    assert x.shape == y.shape == (2000, 4) and (y == x + 1).all() and (x == x[:, :1] + jnp.arange(4)[None]).all()
    counts = np.bincount(np.asarray(x[:, 0]), minlength=7)
    assert counts.tolist()[3:] == [0] * 4 and abs(counts[:3] - 2000 / 3).max() < 5 * np.sqrt(2000 * 2 / 9)
    chex.assert_trees_all_equal(draw(jax.random.key(0), ids, 2000, 4), data.Examples(x, y))
    assert (draw(jax.random.key(1), ids, 2000, 4)[0] != x).any()


def test_one_window_fits():
    ids = np.arange(5)
    drawn = data.random_windows(jax.random.key(0), jnp.asarray(ids), 3, 4)
    assert drawn.x.tolist() == [[0, 1, 2, 3]] * 3
    assert data.streams(ids, 2, 2).x.tolist() == [[[0, 1], [2, 3]]]


def test_bad_windows():
    ids, key = np.arange(8), jax.random.key(0)
    with pytest.raises(ValueError, match="the text has 8 ids, and 9 are wanted for 1 x 8 and the target of the last"):
        data.windows(ids, 8)
    with pytest.raises(ValueError, match="the text has 8 ids, and 9 are wanted for 1 x 8"):
        data.random_windows(key, jnp.asarray(ids), 100, 8)
    with pytest.raises(ValueError, match="the text has 8 ids, and 9 are wanted for 4 x 2"):
        data.streams(ids, 4, 2)
    with pytest.raises(ValueError, match="the text has 0 ids, and 2 are wanted"):
        data.windows(ids[:0], 1)
    with pytest.raises(ValueError, match="1 window or more of 1 id or more, and got 1 of length 0"):
        data.windows(ids, 0)
    with pytest.raises(ValueError, match="got 0 of length 2"):
        data.streams(ids, 0, 2)
    with pytest.raises(TypeError, match=r"one row of integer ids \(time,\), and got int64 of shape \(2, 4\)"):
        data.windows(ids.reshape(2, 4), 2)
    with pytest.raises(TypeError, match="got float64 of shape"):
        data.windows(ids / 2, 2)
