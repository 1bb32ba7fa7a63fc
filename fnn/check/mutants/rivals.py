"""The other two checkers on the same mutants: `jax.test_util.check_grads` and `chex.assert_numerical_grads`.

They run as their users run them: in float32, with their default tolerances, reverse mode alone because a custom_vjp
has no other, order 2 where the mutant is wrong from there on. Neither takes a reference, so a forward that is off is
beyond them: they compare a function with itself.
"""

import functools
from collections.abc import Callable
from typing import Any, Literal

import chex
import jax
import jax.numpy as jnp
import jax.test_util

from fnn.check.mutants.sample import is_float
from fnn.rule import Rule

Result = Literal["killed", "survived", "n/a"]
"""What a checker says of a mutant; "n/a" where it fails the correct rule too."""

RIVALS: dict[str, Callable[..., None]] = {
    "check_grads": functools.partial(jax.test_util.check_grads, modes=["rev"]),
    "chex": functools.partial(chex.assert_numerical_grads, modes=["rev"]),
}


class Rivals:
    """The other checkers on one rule at given arguments."""

    def __init__(self, rule: Rule, arguments: tuple, static: dict[str, Any]):
        self.right, self.arguments, self.static = rule, arguments, static
        self._right_passes: dict[tuple[str, int], bool] = {}

    def result(self, name: str, mutant: Rule, order: int) -> Result:
        """Return what a checker says of a mutant."""
        if (name, order) not in self._right_passes:
            self._right_passes[name, order] = self._passes(name, self.right, order)
        if not self._right_passes[name, order]:
            return "n/a"
        return "survived" if self._passes(name, mutant, order) else "killed"

    def _passes(self, name: str, rule: Rule, order: int) -> bool:
        leaves, tree = jax.tree.flatten(self.arguments)
        floats = [jnp.asarray(leaf, jnp.float32) for leaf in leaves if is_float(leaf)]

        def call(*given: Any) -> Any:
            rest = iter(given)
            whole = [next(rest) if is_float(leaf) else leaf for leaf in leaves]
            return rule(*jax.tree.unflatten(tree, whole), **self.static)

        try:
            RIVALS[name](call, floats, order)
        except Exception:  # whatever stops a test stops the mutant
            return False
        return True
