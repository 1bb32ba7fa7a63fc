"""Pools over all positions, and over as many windows as are asked for: global and adaptive pooling.

x is (batch, *spatial, channels) with one to three spatial axes. Kernels: `fnn.kernels.pooling`.
"""

from jaxtyping import Array, Float

from fnn.kernels.pooling import adaptive, maximum, sums
from fnn.kernels.windows import Size
from fnn.rule import Static, rule
from fnn.rules.pooling.shapes import spatial, wanted


@rule
def global_max_pool(x: Float[Array, "..."]):
    """Y = max X over the spatial axes; dX = dY at the first maximum in row-major order, 0 elsewhere.

    x: (batch, *spatial, channels); y: (batch, channels). Ties, infinities and NaN are those of `max_pool`. Keeps the
    winner's position, one to four bytes an output. Raises ValueError for an empty spatial axis, and unless x has a
    batch, one to three spatial axes and channels; TypeError for integers.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.array([[1.0, 4.0], [4.0, 2.0]]).reshape(1, 2, 2, 1)
    >>> global_max_pool(x).tolist()
    [[4.0]]
    >>> jax.grad(lambda x: global_max_pool(x).sum())(x).ravel().tolist()
    [0.0, 1.0, 0.0, 0.0]
    """
    sizes = spatial("global_max_pool", x)
    y, index = maximum.global_forward(x)
    return y, (index, Static(sizes))


@global_max_pool.backward
def global_max_pool_backward(saved, dy):
    """DX = dY at the entry that won."""
    index, sizes = saved
    return maximum.global_backward(index, dy, sizes.value)


@rule
def global_average_pool(x: Float[Array, "..."]):
    """Y = Σ X / n over the spatial axes, dX = dY / n, n the number of positions. Keeps nothing.

    x: (batch, *spatial, channels); y: (batch, channels). The sum is taken in float32 or wider. Raises ValueError for an
    empty spatial axis, and unless x has a batch, one to three spatial axes and channels; TypeError for integers.
    Source: Lin, Chen and Yan (2014), "Network in network", arXiv:1312.4400.

    >>> import jax.numpy as jnp
    >>> global_average_pool(jnp.array([1.0, 2.0, 6.0]).reshape(1, 3, 1)).tolist()
    [[3.0]]
    """
    return sums.global_average(x), Static(spatial("global_average_pool", x))


@global_average_pool.backward
def global_average_pool_backward(sizes, dy):
    """DX = dY / n for every position."""
    return sums.global_average_backward(dy, sizes.value)


@rule
def adaptive_max_pool(x: Float[Array, "..."], *, size: Size):
    """Y[o] = max of the entries floor(o n / m), ..., ceil((o + 1) n / m) - 1 of each axis of n entries, m outputs.

        dX[i] = Σ dY[o] over the windows o that i lies in and won

    x: (batch, *spatial, channels); y: (batch, *size, channels), `size` a number for all spatial axes, or a tuple of one
    for each. Where n is a multiple of m this is `max_pool` with window n / m; elsewhere neighbours may share entries,
    and m may be larger than n. Ties, infinities and NaN are those of `max_pool`. Keeps the winner's place in its
    window, one byte an output for windows up to 256 entries. Raises ValueError for a size below 1, an empty spatial
    axis, and unless x has a batch, one to three spatial axes and channels; TypeError for integers.
    Source: He et al. (2014), arXiv:1406.4729; the windows are PyTorch's.

    >>> import jax.numpy as jnp
    >>> adaptive_max_pool(jnp.arange(5.0).reshape(1, 5, 1), size=3).ravel().tolist()
    [1.0, 3.0, 4.0]
    """
    sizes = spatial("adaptive_max_pool", x)
    y, index = adaptive.max_forward(x, wanted("adaptive_max_pool", size, sizes))
    return y, (index, Static(sizes))


@adaptive_max_pool.backward
def adaptive_max_pool_backward(saved, dy):
    """DX = dY at the entry that won, summed over the windows that it lies in."""
    index, sizes = saved
    return adaptive.max_backward(index, dy, sizes.value)


@rule
def adaptive_average_pool(x: Float[Array, "..."], *, size: Size):
    """Y[o] = mean of the entries floor(o n / m), ..., ceil((o + 1) n / m) - 1 of each axis of n entries, m outputs.

        dX[i] = Σ dY[o] / n[o] over the windows o that i lies in, n[o] the entries of window o

    x: (batch, *spatial, channels); y: (batch, *size, channels), `size` a number for all spatial axes, or a tuple of one
    for each. Where n is a multiple of m this is `average_pool` with window n / m. Sums are taken in float32 or wider.
    Keeps nothing. Raises ValueError for a size below 1, an empty spatial axis, and unless x has a batch, one to three
    spatial axes and channels; TypeError for integers. The windows are PyTorch's.

    >>> import jax.numpy as jnp
    >>> adaptive_average_pool(jnp.arange(5.0).reshape(1, 5, 1), size=3).ravel().tolist()
    [0.5, 2.0, 3.5]
    """
    sizes = spatial("adaptive_average_pool", x)
    return adaptive.average_forward(x, wanted("adaptive_average_pool", size, sizes)), Static(sizes)


@adaptive_average_pool.backward
def adaptive_average_pool_backward(sizes, dy):
    """DX = dY / n, summed over the windows that an entry lies in."""
    return adaptive.average_backward(dy, sizes.value)
