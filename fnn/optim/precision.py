"""Mixed precision: the network computes in a narrow dtype, the optimizer keeps the parameters in float32."""

from typing import Any

import jax
import jax.numpy as jnp

from fnn.optim.optimizer import Optimizer, check_gradients, widened
from fnn.optim.optimizer import solution as solution_of


def mixed_precision(optimizer: Optimizer, dtype: Any = jnp.bfloat16) -> Optimizer:
    """Keep a float32 master copy of the parameters in the state, and give them out as ``dtype``.

    Steps smaller than half a unit in the last place of ``dtype``, which would be lost, add up in the master copy. The
    gradients come in ``dtype``. float16 also wants its loss scaled, against underflow; bfloat16 does not.

    >>> from fnn import optim
    >>> optimizer = mixed_precision(optim.sgd(1e-3))
    >>> state = optimizer.init(1.0)
    >>> for _ in range(5):
    ...     state, w = optimizer.update(state, jnp.ones((), jnp.bfloat16))
    >>> w.dtype, round(float(state.params), 4)
    (dtype(bfloat16), 0.995)

    Source: Micikevicius et al., Mixed precision training, 2018, section 3.1.
    """
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(f"dtype is {jnp.dtype(dtype)}; wanted a floating-point one, such as jnp.bfloat16.")

    def narrow(params):
        return jax.tree.map(lambda w: w.astype(dtype) if jnp.issubdtype(w.dtype, jnp.floating) else w, params)

    def widen(tree):
        def one(x):
            given = jnp.result_type(x)
            return jnp.asarray(x, widened(given)) if jnp.issubdtype(given, jnp.floating) else x

        return jax.tree.map(one, tree)

    def init(params):
        return optimizer.init(widen(params))

    def update(state, grads):
        master = optimizer.params(state)
        check_gradients(jax.eval_shape(narrow, master), grads)
        grads = jax.tree.map(lambda w, g: jnp.asarray(g).astype(w.dtype), master, grads)
        state, params = optimizer.update(state, grads)
        return state, narrow(params)

    return Optimizer(
        init, update, lambda state: narrow(optimizer.params(state)), lambda state: narrow(solution_of(optimizer, state))
    )
