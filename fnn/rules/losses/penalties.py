"""Penalties on parameters: L1 and L2, summed over every array of a pytree.

Add them to a loss, or decay the weights in the optimizer (`fnn.optim`), which costs less.
"""

import jax
import jax.numpy as jnp
from jaxtyping import Array, Float, PyTree

from fnn.kernels.numerics import wide
from fnn.rule import rule


@rule
def l1_penalty(params: PyTree[Float[Array, "..."]], *, strength: float = 1.0):
    """λ Σ |w|, dw = λ sign(w) dL; 0 at the kink. Keeps the params, which stand in memory anyway."""
    return strength * _total(params, jnp.abs), params


@l1_penalty.backward
def l1_penalty_backward(params, dloss, *, strength):
    """dw = λ sign(w) dL."""
    return jax.tree.map(lambda w: strength * dloss * jnp.sign(wide(w)), params)


@rule
def l2_penalty(params: PyTree[Float[Array, "..."]], *, strength: float = 1.0):
    """λ/2 Σ w², dw = λ w dL: coupled weight decay of rate λ. Keeps the params, which stand in memory anyway."""
    return 0.5 * strength * _total(params, jnp.square), params


@l2_penalty.backward
def l2_penalty_backward(params, dloss, *, strength):
    """dw = λ w dL."""
    return jax.tree.map(lambda w: strength * dloss * wide(w), params)


def _total(params, function) -> Array:
    leaves = [function(wide(w)).sum() for w in jax.tree.leaves(params)]
    return sum(leaves, start=jnp.zeros((), jnp.float32 if not leaves else leaves[0].dtype))
