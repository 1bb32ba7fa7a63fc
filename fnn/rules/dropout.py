"""Dropout, whose backward draws the mask again instead of keeping it. Kernel: `fnn.kernels.dropout`."""

from jaxtyping import Array, Float, Key, UInt

from fnn.kernels import dropout as kernel
from fnn.rule import rule


@rule
def dropout(x: Float[Array, "..."], key: Key[Array, ""] | UInt[Array, "..."], *, rate: float):
    """Y = M X / (1 - rate), where M is 0 with probability `rate` and 1 otherwise, independently for each entry.

        dX = M dY / (1 - rate)

    Keeps the key alone, a few bytes whatever the size of x: the backward draws M again; nothing at rate 0. The rate
    is that of *dropping*. It is rounded to a multiple of 2⁻³², and the scale is that of the rounded rate. Where M is
    0 the output is 0 even if x is inf or NaN. Raises ValueError unless 0 <= rate < 1.
    Source: Srivastava et al. (2014), the inverted form.

    >>> import jax, jax.numpy as jnp
    >>> y = dropout(jnp.ones(1000), jax.random.key(0), rate=0.25)
    >>> sorted(set(y.tolist()))[0], round(float(y.max()), 4)
    (0.0, 1.3333)
    """
    if not 0 <= rate < 1:
        raise ValueError(f"dropout: rate = {rate}, wanted the probability of dropping, 0 <= rate < 1.")
    if rate == 0:
        return x, ()
    return kernel.apply(x, key, rate), key


@dropout.backward
def dropout_backward(key, dy, *, rate):
    """DX = M dY / (1 - rate), with M drawn again from the key; the key has no gradient."""
    return (dy if rate == 0 else kernel.apply(dy, key, rate)), None
