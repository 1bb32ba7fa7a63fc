"""A named point: a value of a user's own function that taps see as they see a layer's output."""

from dataclasses import dataclass
from typing import Any

from jaxtyping import Array, Bool, Float

from fnn.layers.scope import observe, scope


@dataclass(frozen=True, eq=False)
class Point:
    """The identity, as the forward of a layer that has no parameters."""

    slope: Any = None

    def __call__(self, params, state, x, *, key=None, train=False):
        """Return (x, state)."""
        return x, state


def tap(name: str, x: Any, *, slope: Float[Array, "..."] | Bool[Array, "..."] | None = None) -> Any:
    """Return x as it is, a point that `taps` see and name `name`; outside taps it is nothing at all.

    x is an array or a pytree of arrays. `slope` is f'(z) at each entry where x = f(z) is an activation's output: with
    it, taps count the saturated units. Two points of one name are told apart as ``name`` and ``name#2``; in what
    `jax.checkpoint` or `jit` traces once and runs often they are not, until each run has a name of its own:

        for i, block in enumerate(params.blocks):
            with inspect.scope(f"block[{i}]"):
                x = jax.checkpoint(apply)(block, x)          # its point "mlp" is "block[0].mlp", "block[1].mlp", ...

    >>> import jax, jax.numpy as jnp
    >>> from fnn import inspect
    >>> def loss(w, x):
    ...     hidden = jnp.tanh(x @ w)
    ...     return inspect.tap("hidden", hidden, slope=1 - hidden**2).mean()
    >>> (value, _), grads, seen = jax.jit(inspect.taps(loss))(jnp.zeros((3, 2)), jnp.ones((5, 3)))
    >>> float(seen.layers["hidden"].output.zero), float(seen.layers["hidden"].cotangent.largest)
    (1.0, 0.10000000149011612)
    """
    with scope(name):
        return observe(Point(slope), (), (), x, x, None, False)
