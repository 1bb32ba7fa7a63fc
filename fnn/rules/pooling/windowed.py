"""Pools over windows that slide: max_pool, average_pool, l2_pool. Kernels: `fnn.kernels.pooling`.

x is (batch, *spatial, channels) with one to three spatial axes. `window`, `stride` and `dilation` are a number for all
of them, or a tuple of one for each; the stride is the window unless it is given. `padding` is "SAME", "VALID", a
number, or for each axis a number or a (low, high) pair: see `fnn.kernels.windows`. Along each axis of size n there are

    (n + low + high - (window - 1) dilation - 1) // stride + 1    outputs
"""

from jaxtyping import Array, Float

from fnn.kernels.pooling import maximum, sums
from fnn.kernels.windows import Padding, Size
from fnn.rule import Static, rule
from fnn.rules.pooling.shapes import pooled


@rule
def max_pool(
    x: Float[Array, "..."],
    *,
    window: Size,
    stride: Size | None = None,
    padding: Padding = "VALID",
    dilation: Size = 1,
):
    """Y[o] = max_j X[o stride + j dilation - low], the maximum of each window.

        dX[i] = Σ dY[o] over the windows o that i lies in and won

    x: (batch, *spatial, channels); y: (batch, *outputs, channels). At a tie the first entry of the window, in row-major
    order, wins and gets all of dY, as in PyTorch and TensorFlow. Padding counts as -inf and never wins over an entry:
    a window of -inf gives its dY to the first of them, and one that holds padding alone is -inf and gives nothing.
    A NaN wins over every number and gets dY; in a window that holds a +inf too, the first of both does.

    Keeps the winner's place in its window, one byte an output for windows up to 256 entries, and not X. Raises
    ValueError for a window larger than the padded input, an empty spatial axis, and unless x has a batch, one to three
    spatial axes and channels; TypeError for integers. Source: Ranzato et al. (2007), "Unsupervised learning of
    invariant feature hierarchies"; Goodfellow, Bengio and Courville (2016), section 9.3.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.array([1.0, 3.0, 3.0, 2.0, 0.0]).reshape(1, 5, 1)
    >>> max_pool(x, window=2).ravel().tolist()
    [3.0, 3.0]
    >>> jax.grad(lambda x: max_pool(x, window=3, stride=1).sum())(x).ravel().tolist()
    [0.0, 2.0, 1.0, 0.0, 0.0]
    """
    where = pooled("max_pool", x, window, stride, padding, dilation)
    y, index = maximum.forward(x, where)
    return y, (index, Static(where))


@max_pool.backward
def max_pool_backward(saved, dy):
    """DX = dY at the entry that won, summed over the windows that it lies in."""
    index, where = saved
    return maximum.backward(index, dy, where.value)


@rule
def average_pool(
    x: Float[Array, "..."],
    *,
    window: Size,
    stride: Size | None = None,
    padding: Padding = "VALID",
    dilation: Size = 1,
    count_padding: bool = False,
):
    """Y[o] = Σ_j X[o stride + j dilation - low] / n[o], the mean of each window.

        dX[i] = Σ dY[o] / n[o] over the windows o that i lies in

    x: (batch, *spatial, channels); y: (batch, *outputs, channels). n is the number of entries of the window that are
    no padding, or with `count_padding` all of them, the padding counting as zeros; a window of padding alone is 0.
    (PyTorch's default is to count it, that of TensorFlow, Keras and ONNX not to.) Sums are taken in float32 or wider.
    An infinity or NaN reaches the windows that hold it.

    Keeps nothing. Raises ValueError for a window larger than the padded input, an empty spatial axis, and unless x has
    a batch, one to three spatial axes and channels; TypeError for integers. Source: LeCun et al. (1998),
    "Gradient-based learning applied to document recognition".

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.array([1.0, 3.0, 5.0, 7.0]).reshape(1, 4, 1)
    >>> average_pool(x, window=2).ravel().tolist()
    [2.0, 6.0]
    >>> average_pool(x, window=3, padding="SAME", stride=1).ravel().tolist()
    [2.0, 3.0, 5.0, 6.0]
    >>> jax.grad(lambda x: average_pool(x, window=2).sum())(x).ravel().tolist()
    [0.5, 0.5, 0.5, 0.5]
    """
    where = pooled("average_pool", x, window, stride, padding, dilation)
    return sums.average(x, where, count_padding), Static(where)


@average_pool.backward
def average_pool_backward(where, dy, *, count_padding):
    """DX = dY / n, summed over the windows that an entry lies in."""
    return sums.average_backward(dy, where.value, count_padding)


@rule
def l2_pool(
    x: Float[Array, "..."],
    *,
    window: Size,
    stride: Size | None = None,
    padding: Padding = "VALID",
    dilation: Size = 1,
):
    """Y[o] = sqrt(Σ_j X[o stride + j dilation - low]²), the length of each window.

        dX[i] = X[i] Σ dY[o] / Y[o] over the windows o that i lies in

    x: (batch, *spatial, channels); y: (batch, *outputs, channels). Where Y is 0 the length has no derivative, and the
    gradient is 0, the subgradient of least norm. Padding counts as zeros. Squares and sums are taken in float32 or
    wider and overflow to inf where those do. This is the sum, as PyTorch's `lp_pool` and ONNX's LpPool with p = 2 have
    it, and not the mean.

    Keeps x and y. Raises ValueError for a window larger than the padded input, an empty spatial axis, and unless x has
    a batch, one to three spatial axes and channels; TypeError for integers. Source: Sermanet, Chintala and LeCun
    (2012), arXiv:1204.3968.

    >>> import jax, jax.numpy as jnp
    >>> x = jnp.array([3.0, 4.0, 0.0, 0.0]).reshape(1, 4, 1)
    >>> l2_pool(x, window=2).ravel().tolist()
    [5.0, 0.0]
    >>> jax.grad(lambda x: 5 * l2_pool(x, window=2).sum())(x).ravel().tolist()
    [3.0, 4.0, 0.0, 0.0]
    """
    where = pooled("l2_pool", x, window, stride, padding, dilation)
    y = sums.l2(x, where)
    return y, (x, y, Static(where))


@l2_pool.backward
def l2_pool_backward(saved, dy):
    """DX = X Σ dY / Y."""
    x, y, where = saved
    return sums.l2_backward(x, y, dy, where.value)
