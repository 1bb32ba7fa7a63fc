"""Dropout, whose backward draws the mask again instead of keeping it. Kernel: `fnn.kernels.dropout`."""

from jaxtyping import Array, Float, Key, UInt

from fnn.kernels import dropout as kernel
from fnn.rule import rule


@rule
def dropout(
    x: Float[Array, "..."], key: Key[Array, ""] | UInt[Array, "..."], *, rate: float, shared: tuple[int, ...] = ()
):
    """Y = M X / (1 - rate), where M is 0 with probability `rate` and 1 otherwise, independently for each entry.

        dX = M dY / (1 - rate)

    Along the axes named in `shared` one entry of M serves all: for images (batch, height, width, channels), (3,) drops
    whole positions, (1, 2) whole channels (Tompson et al., 2015), (1, 2, 3) whole examples, as the stochastic depth of
    Huang et al. (2016) does to a branch.

    Keeps the key alone, a few bytes whatever the size of x: the backward draws M again; nothing at rate 0. The rate
    is that of *dropping*. It is rounded to a multiple of 2⁻³², and the scale is that of the rounded rate. Where M is
    0 the output is 0 even if x is inf or NaN. Raises ValueError unless 0 <= rate < 1 and `shared` are distinct axes.
    Source: Srivastava et al. (2014), the inverted form.

    >>> import jax, jax.numpy as jnp
    >>> y = dropout(jnp.ones(1000), jax.random.key(0), rate=0.25)
    >>> sorted(set(y.tolist()))[0], round(float(y.max()), 4)
    (0.0, 1.3333)
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate = {rate}, wanted the probability of dropping, 0 <= rate < 1.")
    axes = _axes(shared, x.ndim)
    if rate == 0:
        return x, ()
    return kernel.apply(x, key, rate, axes), key


@dropout.backward
def dropout_backward(key, dy, *, rate, shared):
    """DX = M dY / (1 - rate), with M drawn again from the key; the key has no gradient."""
    return (dy if rate == 0 else kernel.apply(dy, key, rate, _axes(shared, dy.ndim))), None


def _axes(shared: tuple[int, ...], ndim: int) -> tuple[int, ...]:
    axes = tuple(axis % ndim if -ndim <= axis < ndim else ndim for axis in shared)
    if ndim in axes or len(set(axes)) < len(axes):
        raise ValueError(f"dropout: shared = {shared} for an array of {ndim} axes, wanted distinct axes of the array.")
    return axes
