"""Rotary position embedding: queries and keys turned by their positions. Kernel: `fnn.kernels.rotary`."""

import jax.numpy as jnp
from jaxtyping import Array, Float, Int

from fnn.kernels import rotary as kernel
from fnn.rule import rule


@rule
def rotary(
    x: Float[Array, "batch time heads features"],
    positions: Int[Array, "*batch time"] | None = None,
    *,
    base: float = 10000.0,
    interleaved: bool = False,
):
    """Y₁ = X₁ cos θ - X₂ sin θ,  Y₂ = X₂ cos θ + X₁ sin θ,  θ = position · base^(-2p/features) for the pair p.

    x and y: (batch, time, heads, features), positions: (batch, time) or (time,), 0, 1, ... unless given. A pair is
    the features p and p + features/2, or, interleaved, 2p and 2p + 1. The product of a turned query with a turned key
    depends on their distance alone.

        dX₁ = dY₁ cos θ + dY₂ sin θ,   dX₂ = dY₂ cos θ - dY₁ sin θ:   the rotation by -θ

    Keeps the positions if they are given, else nothing: the rule is linear. Angles are in float32 or wider. Raises
    ValueError for shapes that do not fit, an odd number of features, and base <= 0. Sources: Su et al. (2021),
    arXiv:2104.09864, whose form is the interleaved one; the halves are those of GPT-NeoX, Black et al. (2022).

    >>> import jax.numpy as jnp
    >>> [round(float(y), 3) for y in rotary(jnp.ones((1, 2, 1, 2))).ravel()]
    [1.0, 1.0, -0.301, 1.382]
    """
    if x.ndim != 4 or x.shape[3] % 2:
        raise ValueError(
            f"rotary: x has shape {x.shape}, wanted (batch, time, heads, features) with an even number of features."
        )
    if positions is not None and positions.shape not in (x.shape[1:2], x.shape[:2]):
        raise ValueError(
            f"rotary: positions have shape {positions.shape}, wanted (batch, time) = {x.shape[:2]} or (time,) = "
            f"{x.shape[1:2]}."
        )
    if not base > 0:
        raise ValueError(f"rotary: base = {base}, wanted a positive number, such as 10000.")
    return kernel.turn(x, _positions(positions, x), base, interleaved), positions


@rotary.backward
def rotary_backward(positions, dy, *, base, interleaved):
    """dX is dY turned by -θ; the positions have no gradient."""
    return kernel.turn(dy, _positions(positions, dy), base, interleaved, back=True), None


def _positions(positions: Array | None, x: Array) -> Array:
    return jnp.arange(x.shape[1], dtype=jnp.int32) if positions is None else positions
