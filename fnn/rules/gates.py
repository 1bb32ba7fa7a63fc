"""The gates of a computational graph: two or more arrays in, one out, or one in, several out.

    add        gradient distributor      dx = dz, dy = dz
    multiply   swap multiplier           dx = dz y, dy = dz x
    maximum    gradient router           dx = dz where x > y
    copy       gradient adder            dx = Σ dy

Two-argument gates broadcast by NumPy's rules, and each cotangent is summed back to its argument's shape by the one
`unbroadcast`. Source: the "patterns in backward flow" of Stanford's CS231n and the lectures on back-propagation.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float, Num

from fnn.kernels.numerics import wide
from fnn.rule import Static, rule
from fnn.rules.broadcasting import broadcast, unbroadcast


@rule
def add(x: Num[Array, "..."], y: Num[Array, "..."]):
    """Z = x + y, dx = dz, dy = dz: the gradient distributor. Keeps nothing.

    >>> import jax
    >>> [float(d) for d in jax.grad(lambda x, y, z: multiply(add(x, y), z), (0, 1, 2))(-2.0, 5.0, -4.0)]
    [-4.0, -4.0, 3.0]
    """
    a, b = broadcast("add", x, y)
    return a + b, Static((x.shape, y.shape))


@add.backward
def add_backward(shapes, dz):
    """dx = dz, dy = dz."""
    x_shape, y_shape = shapes.value
    return unbroadcast(dz, x_shape), unbroadcast(dz, y_shape)


@rule
def subtract(x: Num[Array, "..."], y: Num[Array, "..."]):
    """Z = x - y, dx = dz, dy = -dz. Keeps nothing."""
    a, b = broadcast("subtract", x, y)
    return a - b, Static((x.shape, y.shape))


@subtract.backward
def subtract_backward(shapes, dz):
    """dx = dz, dy = -dz."""
    x_shape, y_shape = shapes.value
    return unbroadcast(dz, x_shape), unbroadcast(-dz, y_shape)


@rule
def multiply(x: Num[Array, "..."], y: Num[Array, "..."]):
    """Z = x y, dx = dz y, dy = dz x: the swap multiplier. Keeps x and y."""
    a, b = broadcast("multiply", x, y)
    return a * b, (x, y)


@multiply.backward
def multiply_backward(saved, dz):
    """dx = dz y, dy = dz x."""
    x, y = saved
    a, b = broadcast("multiply", x, y)
    return unbroadcast(dz * b.astype(dz.dtype), x.shape), unbroadcast(dz * a.astype(dz.dtype), y.shape)


@rule
def divide(x: Float[Array, "..."], y: Float[Array, "..."]):
    """Z = x / y, dx = dz / y, dy = -dz x / y². Keeps x and y.

    At y = 0 value and gradient are inf or NaN, as IEEE 754 has them.
    """
    a, b = broadcast("divide", x, y)
    return a / b, (x, y)


@divide.backward
def divide_backward(saved, dz):
    """dx = dz / y, dy = -(dz / y) (x / y): no square that would overflow or underflow."""
    x, y = saved
    a, b = broadcast("divide", x, y)
    dx = dz / b
    return unbroadcast(dx, x.shape), unbroadcast(-dx * (a / b), y.shape)


@rule
def maximum(x: Float[Array, "..."], y: Float[Array, "..."]):
    """Z = max(x, y): the gradient router. dx = dz where x > y, dy = dz where y > x. Keeps x and y.

    At a tie each side gets dz / 2, the mean of the two one-sided gradients, as in JAX and PyTorch. NaN wins, and
    its gradient goes to neither side.
    """
    a, b = broadcast("maximum", x, y)
    return jnp.maximum(a, b), (x, y)


@maximum.backward
def maximum_backward(saved, dz):
    """dx = dz (x > y) + dz/2 (x = y), and the other way round."""
    x, y = saved
    a, b = broadcast("maximum", x, y)
    return unbroadcast(_route(a > b, a == b, dz), x.shape), unbroadcast(_route(b > a, a == b, dz), y.shape)


@rule
def minimum(x: Float[Array, "..."], y: Float[Array, "..."]):
    """Z = min(x, y), dx = dz where x < y, dy = dz where y < x; half each at a tie. Keeps x and y.

    NaN wins, and its gradient goes to neither side.
    """
    a, b = broadcast("minimum", x, y)
    return jnp.minimum(a, b), (x, y)


@minimum.backward
def minimum_backward(saved, dz):
    """dx = dz (x < y) + dz/2 (x = y), and the other way round."""
    x, y = saved
    a, b = broadcast("minimum", x, y)
    return unbroadcast(_route(a < b, a == b, dz), x.shape), unbroadcast(_route(b < a, a == b, dz), y.shape)


def _route(wins: Array, ties: Array, dz: Array) -> Array:
    return jnp.where(wins, dz, jnp.where(ties, dz / 2, jnp.zeros_like(dz)))


@rule
def power(x: Float[Array, "..."], y: Num[Array, "..."]):
    """Z = x^y, dx = dz y x^(y-1), dy = dz x^y log x; an integer y is taken in x's dtype. Keeps x and y.

    y = 0 gives dx = 0 even at x = 0; x = 0 with y > 0 gives dy = 0, the limit. For x < 0 and y no integer the value
    is NaN; for x < 0 dy is NaN, since the power is defined at isolated exponents only.
    """
    a, b = broadcast("power", x, y)
    return jnp.power(a, b if jnp.issubdtype(b.dtype, jnp.floating) else b.astype(a.dtype)), (x, y)


@power.backward
def power_backward(saved, dz):
    """dx = dz y x^(y-1), dy = dz x^y log x."""
    x, y = saved
    a, b = broadcast("power", x, y)
    exponent = b.astype(a.dtype)
    # A double where, so that neither branch makes a NaN for the other's second derivative.
    constant = exponent == 0
    lowered = jnp.where(constant, jnp.ones_like(exponent), exponent - 1)
    dx = jnp.where(constant, jnp.zeros_like(dz), dz * exponent * jnp.power(a, lowered))
    dy = dz * jnp.power(a, exponent) * jnp.log(jnp.where(a == 0, jnp.ones_like(a), a))
    return unbroadcast(dx, x.shape), unbroadcast(dy, y.shape)


@rule
def copy(x: Num[Array, "..."], *, count: int = 2):
    """(x, x, ...), `count` times: fan-out. dx = Σ dy over the copies: the gradient adder. Keeps nothing."""
    if count < 1:
        raise ValueError(f"copy: count = {count}, wanted at least 1 copy.")
    return (x,) * count, ()


@copy.backward
def copy_backward(saved, dys):
    """dx = Σ dy."""
    dx = wide(dys[0])
    for dy in dys[1:]:
        dx = dx + wide(dy)
    return dx
