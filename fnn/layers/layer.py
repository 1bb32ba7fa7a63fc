"""What a layer is: a pure pair of functions, and the one way to make it.

    init(key, x) -> (params, state)                                   x: an array or a jax.ShapeDtypeStruct
    apply(params, state, x, *, key=None, train=False) -> (y, state)

params and state are immutable pytrees of arrays; a layer without either has (). Nothing is baked into a layer but
its static configuration, so a layer may be reused, compiled, or sent anywhere.
"""

from collections.abc import Callable
from typing import Any, NamedTuple, Protocol, runtime_checkable

import jax
import jax.numpy as jnp

from fnn.kernels import threefry
from fnn.layers.scope import LayerError, observe, path, scope, unobserved


@runtime_checkable
class Apply(Protocol):
    """The forward of a layer."""

    def __call__(self, params: Any, state: Any, x: Any, *, key: Any = None, train: bool = False) -> tuple[Any, Any]:
        """Return (y, new state)."""
        ...


class Layer(NamedTuple):
    """A layer: ``init(key, x) -> (params, state)`` and ``apply(params, state, x, *, key, train) -> (y, state)``."""

    init: Callable[[Any, Any], tuple[Any, Any]]
    apply: Apply


def layer(name: str, init: Callable[[Any, Any], tuple[Any, Any]], apply: Apply) -> Layer:
    """Make a layer that knows its name: its errors are told with its path, and observers are shown its calls.

    ``init`` gets shapes and dtypes (`jax.ShapeDtypeStruct`) in place of x, ``apply`` always gets arrays.
    """

    def scoped_init(key, x):
        with scope(name):
            return init(key, abstract(x))

    def scoped_apply(params, state, x, *, key=None, train=False):
        with scope(name):
            x = jax.tree.map(jnp.asarray, x)
            y, new_state = apply(params, state, x, key=key, train=train)
            return observe(apply, params, state, x, y, key, train), new_state

    return Layer(scoped_init, scoped_apply)


def stateless(name: str, forward: Callable[[Any], Any]) -> Layer:
    """Make a layer y = forward(x) that has neither parameters nor state."""

    def init(key, x):
        return (), ()

    def apply(params, state, x, *, key=None, train=False):
        return forward(x), state

    return layer(name, init, apply)


def abstract(x: Any) -> Any:
    """Return the shapes and dtypes of a pytree of arrays."""
    return jax.tree.map(lambda leaf: jax.ShapeDtypeStruct(jnp.shape(leaf), jnp.result_type(leaf)), x)


def output_shape(layer: Layer, params: Any, state: Any, x: Any) -> Any:
    """Return the shapes and dtypes of the layer's output, without running it."""
    return jax.eval_shape(lambda p, s, x: layer.apply(p, s, x)[0], params, state, abstract(x))


# Its hundred operations are traced once and copied, which makes half of the time that tracing a deep network takes.
_fold_in = jax.jit(threefry.fold_in, inline=True)


def fold(key: Any, position: int | jax.Array) -> Any:
    """Return the key of the layer at `position`, None for no key: users never split keys for layers."""
    if key is None:
        return None
    with unobserved():
        return _fold_in(key, position)


def need_params(params: Any, kind: type) -> None:
    """Raise unless params are of the layer's own type."""
    if not isinstance(params, kind):
        raise LayerError(f"{path()}: params are a {type(params).__name__}, wanted {kind.__name__}, as init makes them.")


def need_features(x: Any, features: int | None = None, name: str = "x") -> int:
    """Return the size of x's last axis; raise, by its name, unless it is floating point and has `features` of them."""
    if not hasattr(x, "shape"):
        raise LayerError(f"{path()}: got a {type(x).__name__} of arrays, wanted one array; join the branches first.")
    wanted = "(..., features)" if features is None else f"(..., {features})"
    if len(x.shape) == 0 or (features is not None and x.shape[-1] != features):
        raise LayerError(f"{path()}: {name} has shape {x.shape}, wanted {wanted}.")
    if not jnp.issubdtype(x.dtype, jnp.floating):
        raise LayerError(
            f"{path()}: {name} is {x.dtype}, wanted floating point; scale images to float32 first, embed integers."
        )
    return x.shape[-1]
