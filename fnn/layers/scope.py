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


def path() -> str:
    """Return the path of the layer that is being traced, such as ``serial[1].dense``; empty outside layers."""
    text = ""
    for name in _path.get():
        text += name if name.startswith("[") or not text else f".{name}"
    return text


@contextlib.contextmanager
def scope(name: str) -> Iterator[None]:
    """Enter the layer `name`: errors raised inside are told with their path, once."""
    token = _path.set((*_path.get(), name))
    try:
        with jax.named_scope(name):
            yield
    except (ValueError, TypeError) as error:
        # Only sentences of rules and layers: subclasses, such as JAX's tracer errors, say more by themselves.
        if type(error) not in (ValueError, TypeError):
            raise
        raise LayerError(f"{path()}: {error}") from error
    finally:
        _path.reset(token)


def observing(observer: Callable[[Call], Any]):
    """Return a context in which ``observer(call)`` sees each layer's call and returns the output to go on with."""
    return _observer(observer)


def observe(call: Call) -> Any:
    """Show a call to the observer, if there is one, and return the output to go on with."""
    observer = _observer.value
    return call.y if observer is None else observer(call)
