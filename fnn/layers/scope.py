"""Where a layer stands in its network: its path, for error messages, profiles, and those who look inside.

Layers run inside `scope(name)`; nested names make a path such as ``serial[1].residual.dense``. The path is known
while a program is traced, costs nothing when it runs, and appears in XLA's profiles as well.

An observer, set by `observing`, is shown every layer's call while it is traced and may replace the output by one that
is equal to it (a tap). The observer is part of jit's key, so a function compiled without it is traced anew.
"""

import contextlib
import dataclasses
import math
import re
from collections.abc import Callable, Iterator, Sequence
from contextvars import ContextVar
from typing import Any, NamedTuple

import jax

_repeats: ContextVar[tuple[int, ...]] = ContextVar("fnn_layer_repeats", default=())
_path: ContextVar[tuple[str, ...]] = ContextVar("fnn_layer_path", default=())


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
    repeats: tuple[int, ...]
    """How often each `repeat` around the call runs its body, the outermost first."""
    position: tuple[Any, ...]
    """Which of these repetitions runs: one traced index for each of `repeats`."""

    @property
    def times(self) -> int:
        """How often the call runs each time the network does: more than once inside `repeat`."""
        return math.prod(self.repeats)


@dataclasses.dataclass(frozen=True, eq=False)
class _Watch:
    """An observer at the place where it looks.

    Each scope has one of its own, told apart by identity, and it is part of jit's key: what a layer jits or
    checkpoints within itself is traced anew at each place, so that it is shown there, with the position of there.
    """

    observer: Callable[[Call], Any]
    position: tuple[Any, ...] = ()


_watch = jax.make_user_context(None)


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
    watch = _watch.value
    try:
        with jax.named_scope(name), _watch(watch and dataclasses.replace(watch)):
            yield
    except (ValueError, TypeError) as error:
        # Only sentences of rules and layers: subclasses, such as JAX's tracer errors, say more by themselves.
        if type(error) not in (ValueError, TypeError):
            raise
        raise LayerError(f"{path()}: {str(error).removeprefix(name + ': ')}") from error
    finally:
        _path.reset(token)


@contextlib.contextmanager
def repetition(times: int, position: Any) -> Iterator[None]:
    """Enter the body of a loop that runs `times` times; `position` is the traced number of this time."""
    token = _repeats.set((*_repeats.get(), times))
    watch = _watch.value
    try:
        with _watch(watch and _Watch(watch.observer, (*watch.position, position))), scope(f"[:{times}]"):
            yield
    finally:
        _repeats.reset(token)


def in_repetition(path: str, index: Sequence[int]) -> str:
    """Return the path with the numbers of the repetitions: ``repeat[:3].dense`` and (1,) is ``repeat[1].dense``."""
    numbers = iter(index)
    return re.sub(r"\[:\d+\]", lambda loop: f"[{next(numbers, loop[0][1:-1])}]", path)


def observing(observer: Callable[[Call], Any]):
    """Return a context in which ``observer(call)`` sees each layer's call and returns the output to go on with."""
    return _watch(_Watch(observer))


def unobserved():
    """Return a context in which nobody looks on: what is jitted inside is traced once, not anew at each place."""
    return _watch(None)


def observe(apply: Callable[..., Any], params: Any, state: Any, x: Any, y: Any, key: Any, train: bool) -> Any:
    """Show the call of the layer that is being traced to the observer, if any; return the output to go on with."""
    watch = _watch.value
    if watch is None:
        return y
    with unobserved():  # what the observer does is not observed
        return watch.observer(Call(path(), apply, params, state, x, y, key, train, _repeats.get(), watch.position))


def contains(outer: str, inner: str) -> bool:
    """Return whether the layer at path `inner` stands inside the layer at path `outer`."""
    return inner.startswith((outer + ".", outer + "["))
