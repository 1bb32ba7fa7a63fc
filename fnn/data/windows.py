"""A long text cut into windows: the input is a window of ids, the target the same window one place later.

All of it is slices and gathers of the ids, NumPy or JAX arrays alike, and returns the kind it is given; under `jit`
they happen on the device, where the windows are used.

>>> import numpy as np
>>> x, y = windows(np.arange(7), 3)
>>> x.tolist(), y.tolist()
([[0, 1, 2], [3, 4, 5]], [[1, 2, 3], [4, 5, 6]])
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Int, Key, UInt

from fnn.data.examples import Examples

Seed = Key[Array, ""] | UInt[Array, "..."]


def windows(ids, length: int) -> Examples:
    """Return all windows that follow each other without overlap: x and y (count, length), y = x one place later.

    ids (time,) integers; count = ⌊(time - 1) / length⌋, and what is left at the end is not used. Good for
    `fnn.train.fit`, and for a loss over a whole text. Raises ValueError where not one window fits.
    """
    count = (_need(ids, 1, length) - 1) // length
    used = count * length
    return Examples(ids[:used].reshape(count, length), ids[1 : used + 1].reshape(count, length))


def random_windows(key: Seed, ids: Int[Array, " time"], count: int, length: int) -> Examples:
    """Return `count` windows that begin anywhere, each place as likely: x and y (count, length), y = x one place later.

    ids (time,) integers. The same key draws the same windows. Pure, for use inside a jitted step (count and length are
    static). Raises ValueError where not one window fits.

    >>> draw = jax.jit(random_windows, static_argnums=(2, 3))
    >>> x, y = draw(jax.random.key(0), jnp.arange(100), 8, 5)
    >>> x.shape, bool((y == x + 1).all())
    ((8, 5), True)
    """
    time = _need(ids, count, length, apart=False)
    starts = jax.random.randint(key, (count, 1), 0, time - length)
    drawn = jnp.asarray(ids)[starts + jnp.arange(length + 1)[None, :]]
    return Examples(drawn[:, :-1], drawn[:, 1:])


def streams(ids, batch: int, length: int) -> Examples:
    """Return windows in which a carried state goes on: x and y (steps, batch, length), for truncated back-propagation.

    The text is cut into `batch` parts of steps · length ids; row b of x[n + 1] goes on where row b of x[n] stopped.
    y = x one place later; steps = ⌊(time - 1) / (batch · length)⌋, and what is left at the end is not used.
    Raises ValueError where not one step fits.

    >>> import numpy as np
    >>> streams(np.arange(13), batch=2, length=3).x.tolist()
    [[[0, 1, 2], [6, 7, 8]], [[3, 4, 5], [9, 10, 11]]]
    """
    steps = (_need(ids, batch, length) - 1) // (batch * length)
    used = batch * steps * length
    parts = (ids[:used], ids[1 : used + 1])
    return Examples(*(part.reshape(batch, steps, length).swapaxes(0, 1) for part in parts))


def _need(ids, rows: int, length: int, *, apart: bool = True) -> int:
    """Return the number of ids, or say why windows cannot be cut from them."""
    if ids.ndim != 1 or not jnp.issubdtype(ids.dtype, jnp.integer):
        raise TypeError(
            f"windows are cut from one row of integer ids (time,), and got {ids.dtype} of shape {ids.shape}: "
            "Vocabulary.encode makes it of a text."
        )
    if length < 1 or rows < 1:
        raise ValueError(f"wanted 1 window or more of 1 id or more, and got {rows} of length {length}.")
    wanted = (rows if apart else 1) * length + 1
    if len(ids) < wanted:
        raise ValueError(
            f"the text has {len(ids)} ids, and {wanted} are wanted for {rows if apart else 1} x {length} and the "
            "target of the last: take shorter or fewer windows, or a longer text."
        )
    return len(ids)
