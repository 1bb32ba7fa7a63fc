"""Rectifiers: zero, small or squared on the left, linear on the right.

At the kink the derivative is the left one: 0 for ReLU at 0, as in Bertoin et al., "Numerical influence of ReLU'(0)"
(2021, arXiv:2106.12915), and in every framework. NaN stays NaN.
"""

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.rule import rule
from fnn.rules.broadcasting import unbroadcast
from fnn.rules.elementwise import elementwise


@elementwise
def relu(x: Float[Array, "..."]):
    """Y = max(X, 0), dX = dY where Y > 0, else 0; 0 at the kink. Keeps Y, which the next layer keeps anyway.

    Source: Nair and Hinton (2010).

    >>> import jax, jax.numpy as jnp
    >>> jax.vmap(jax.grad(relu))(jnp.array([-1.0, 0.0, 2.0])).tolist()
    [0.0, 0.0, 1.0]
    """
    return jnp.maximum(x, 0.0)


@relu.from_output
def relu_derivative(y):
    """1 where Y > 0."""
    return y > 0


@elementwise
def leaky_relu(x: Float[Array, "..."], *, negative_slope: float = 0.01):
    """Y = max(X, 0) + s min(X, 0), dX = dY where Y > 0, else s dY; s at the kink. Keeps Y.

    The output has the input's sign because s > 0; raises ValueError otherwise (s = 0 is relu).
    Source: Maas, Hannun and Ng (2013).
    """
    if not negative_slope > 0:
        raise ValueError(f"leaky_relu: negative_slope = {negative_slope}, wanted a positive slope; for 0 use relu.")
    return jnp.maximum(x, 0.0) + negative_slope * jnp.minimum(x, 0.0)


@leaky_relu.from_output
def leaky_relu_derivative(y, *, negative_slope):
    """1 or s."""
    return jnp.where(y > 0, 1.0, negative_slope).astype(y.dtype)


@rule
def prelu(x: Float[Array, "..."], slope: Float[Array, "..."]):
    """Y = max(X, 0) + a min(X, 0) with a learned slope a: (features,) along X's last axis, or a scalar.

    dX = dY where X > 0, else a dY; a at the kink. da = Σ dY min(X, 0) over the axes that a does not have. Keeps X
    and a: the slope may have any sign, so the output does not tell the side. Raises ValueError when a fits neither
    form. Source: He, Zhang, Ren and Sun (2015), arXiv:1502.01852.
    """
    if slope.shape not in ((), x.shape[-1:]):
        raise ValueError(f"prelu: slope has shape {slope.shape}, wanted () or x's last axis {x.shape[-1:]}.")
    y = jnp.maximum(x, 0.0) + _stretch(slope, x) * jnp.minimum(x, 0.0)
    return y.astype(x.dtype), (x, slope)


@prelu.backward
def prelu_backward(saved, dy):
    """DX = dY (X > 0 ? 1 : a),  da = Σ dY min(X, 0)."""
    x, slope = saved
    dx = jnp.where(x > 0, dy, _stretch(slope, x) * dy)
    return dx, unbroadcast(wide(dy) * wide(jnp.minimum(x, 0.0)), slope.shape)


def _stretch(slope: Array, x: Array) -> Array:
    return jnp.broadcast_to(slope.astype(x.dtype), x.shape)


@elementwise
def relu6(x: Float[Array, "..."]):
    """Y = min(max(X, 0), 6), dX = dY where 0 < Y < 6, else 0; 0 at both kinks. Keeps Y.

    Source: Krizhevsky (2010), "Convolutional deep belief networks on CIFAR-10".
    """
    return jnp.clip(x, 0.0, 6.0)


@relu6.from_output
def relu6_derivative(y):
    """1 inside."""
    return (y > 0) & (y < 6)


@elementwise
def squared_relu(x: Float[Array, "..."]):
    """Y = max(X, 0)², dX = 2 dY max(X, 0). Keeps X.

    2 √Y would do for the first derivative, but underflows sooner and has no second derivative at 0.
    Source: So et al. (2021), "Primer", arXiv:2109.08668.
    """
    return jnp.square(jnp.maximum(x, 0.0))


@squared_relu.from_input
def squared_relu_derivative(x):
    """2 max(X, 0)."""
    return 2 * jnp.maximum(x, 0.0)


@rule
def threshold(x: Float[Array, "..."], *, threshold: float, value: float):
    """Y = X where X > threshold, else value; dX = dY where X > threshold, else 0. Keeps one boolean an entry.

    The output may be `value` on either side, so it does not do. At the threshold itself the gradient is 0.
    """
    closed = x <= threshold
    return jnp.where(closed, jnp.asarray(value, x.dtype), x), closed


@threshold.backward
def threshold_backward(closed, dy):
    """DX = dY where open."""
    return jnp.where(closed, jnp.zeros_like(dy), dy)
