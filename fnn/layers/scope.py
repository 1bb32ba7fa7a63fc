"""Where a layer stands in its network: its path, for error messages, profiles, and those who look inside.

Layers run inside `scope(name)`; nested names make a path such as ``serial[1].residual.dense``. The path is known
while a program is traced, costs nothing when it runs, and appears in XLA's profiles as well.

An observer, set by `observing`, is shown every layer's call while it is traced and may replace the output by one that
is equal to it (a tap). The observer is part of jit's key, so a function compiled without it is traced anew.
"""

import contextlib
from collections.abc import Callable, Iterator
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax

_times: ContextVar[int] = ContextVar("fnn_layer_times", default=1)
_path: ContextVar[tuple[str, ...]] = ContextVar("fnn_layer_path", default=())
_observer = jax.make_user_context(None)


class LayerError(ValueError):
    """A layer was given what it cannot take; the message begins with the layer's path."""


class Call(NamedTuple):
    """One layer's call, as an observer sees it while it is traced."""

    path: str
    apply: Callable[..., Any]
    params: Any
    state: Any
    x: Any
    y: Any
    key: Any
    train: bool
    times: int
    """How often the call runs each time the network does: more than once inside `repeat`."""


def path() -> str:
    """Return the path of the layer that is being traced, such as ``serial[1].dense``; empty outside layers."""
    text = ""
    for name in _path.get():
        text += name if name.startswith("[") or not text else f".{name}"
    return text


@contextlib.contextmanager
def scope(name: str, times: int = 1) -> Iterator[None]:
    """Enter the layer `name`, which runs `times` times: errors raised inside are told with their path, once."""
    path_token, times_token = _path.set((*_path.get(), name)), _times.set(_times.get() * times)
    try:
        with jax.named_scope(name):
            yield
    except (ValueError, TypeError) as error:
        # Only sentences of rules and layers: subclasses, such as JAX's tracer errors, say more by themselves.
        if type(error) not in (ValueError, TypeError):
            raise
        raise LayerError(f"{path()}: {str(error).removeprefix(name + ': ')}") from error
    finally:
        _path.reset(path_token)
        _times.reset(times_token)


def observing(observer: Callable[[Call], Any]):
    """Return a context in which ``observer(call)`` sees each layer's call and returns the output to go on with."""
    return _observer(observer)


def observe(apply: Callable[..., Any], params: Any, state: Any, x: Any, y: Any, key: Any, train: bool) -> Any:
    """Show the call of the layer that is being traced to the observer, if any; return the output to go on with."""
    observer = _observer.value
    if observer is None:
        return y
    return observer(Call(path(), apply, params, state, x, y, key, train, _times.get()))


def contains(outer: str, inner: str) -> bool:
    """Return whether the layer at path `inner` stands inside the layer at path `outer`."""
    return inner.startswith((outer + ".", outer + "["))
