"""Mistakes in a whole array: a cotangent that the backward returns or gets, a residual, the forward's value."""

import functools
from collections.abc import Callable, Iterator
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jax.lax import stop_gradient  # by its name: chex replaces lax's own while it checks

from fnn.check.mutants.mutant import Wrong, passes, rebuilt
from fnn.check.mutants.sample import Sample, float_paths, is_float
from fnn.rule import Rule, Static

Change = Callable[[Any], Any]
OFF = 1 + 1e-3


def cotangent_mistakes(sample: Sample) -> Iterator[Wrong]:
    """Yield the mistakes in each cotangent that the backward returns."""
    rule, (_, backward, names) = sample.rule, passes(sample.rule)
    static = {name: sample.static[name] for name in names}
    got = jax.eval_shape(functools.partial(_returned, rule, backward, static), sample.saved, sample.dy)
    shapes = {path: leaf.shape for path, leaf in jax.tree.leaves_with_path(got)}
    leaves = [leaf for leaf in sample.leaves if leaf.path in shapes]
    for leaf in leaves:
        for kind, change in _changes_of_a_cotangent(shapes[leaf.path]):
            on_leaf = functools.partial(_at_path, path=leaf.path, change=change)
            yield Wrong(f"d{leaf.name}: {kind}", kind, _with_cotangents(rule, on_leaf))
        yield Wrong(
            f"d{leaf.name}: NaN where {leaf.name} is 0", "NaN at zero", _nan_where_argument_is_zero(rule, leaf.path)
        )
    for number, one in enumerate(leaves):
        for other in leaves[number + 1 :]:
            if shapes[one.path] == shapes[other.path]:
                swap = functools.partial(_swap, one=one.path, other=other.path)
                name = f"d{one.name}: swapped with d{other.name}"
                yield Wrong(name, "swapped with another", _with_cotangents(rule, swap))


def _changes_of_a_cotangent(shape: tuple[int, ...]) -> Iterator[tuple[str, Change]]:
    yield "negated", lambda dx: -dx
    yield "doubled", lambda dx: 2 * dx
    yield "scaled by 1 + 1e-3", lambda dx: dx * OFF
    yield "zeroed", jnp.zeros_like
    yield "rounded to float32", _through(jnp.float32)
    if is_matrix(shape):
        yield "transposed", transposed
    if shape and shape[0] > 1:
        yield "shifted by one", lambda dx: jnp.roll(dx, 1, 0)
        yield "second half of the batch zeroed", lambda dx: jnp.concatenate([_half(dx), jnp.zeros_like(_rest(dx))])


def output_cotangent_mistakes(sample: Sample) -> Iterator[Wrong]:
    """Yield the mistakes that a backward makes with the cotangent that it is given."""
    paths = float_paths(sample.y)
    for path in paths:
        where = "the output's cotangent" + jax.tree_util.keystr(path)
        shape = _at(sample.y, path).shape
        for kind, what, change in _changes_of_an_output_cotangent(shape, several=len(paths) > 1):
            yield Wrong(f"{where}: {what}", kind, _with_given(sample.rule, 1, path, change))
        for what, factor in (("overflows", 1.0), ("underflows", -1.0)):
            name = f"{where}: {what} on the way"
            yield Wrong(name, f"{what} needlessly", _detour(sample.rule, path, factor))
        cut = _with_given(sample.rule, 1, path, stop_gradient)
        yield Wrong(f"{where}: cut off from second derivatives", "second order cut", cut, order=2)


def _changes_of_an_output_cotangent(shape: tuple[int, ...], *, several: bool) -> Iterator[tuple[str, str, Change]]:
    yield "cotangent ignored", "taken for ones", jnp.ones_like
    yield "NaN at zero", "NaN where it is 0", lambda dy: jnp.where(dy == 0, jnp.full_like(dy, jnp.nan), dy)
    if several:
        yield "one output forgotten", "forgotten", jnp.zeros_like
    if shape and shape[0] > 1:
        yield "batch reversed", "reversed along the first axis", lambda dy: jnp.flip(dy, 0)


def residual_mistakes(sample: Sample) -> Iterator[Wrong]:
    """Yield the mistakes with what the forward keeps for the backward."""
    paths = float_paths(sample.saved)
    names = ["saved" + jax.tree_util.keystr(path) for path in paths]
    for path, name in zip(paths, names, strict=True):
        for dtype in (jnp.bfloat16, jnp.float32):
            kind = f"residual kept in {jnp.dtype(dtype).name}"
            yield Wrong(f"{name}: kept in {jnp.dtype(dtype).name}", kind, _kept_in(sample.rule, path, dtype))
        cut = _with_given(sample.rule, 0, path, stop_gradient)
        yield Wrong(f"{name}: cut off from second derivatives", "second order cut", cut, order=2)
        if path in _statistics(sample):
            own = _kept_in(sample.rule, path, None)
            yield Wrong(f"{name}: kept in the arguments' dtype", "statistic kept in half precision", own, half=True)
    for number, one in enumerate(paths):
        for other in range(number + 1, len(paths)):
            if _at(sample.saved, one).shape == _at(sample.saved, paths[other]).shape:
                swap = functools.partial(_swap, one=one, other=paths[other])
                name = f"{names[number]}: swapped with {names[other]}"
                yield Wrong(name, "residual swapped", _with_saved(sample.rule, swap))


def _statistics(sample: Sample) -> list[tuple]:
    """Return the paths of the statistics that the rule keeps wider than its arguments when those are bfloat16.

    A statistic has fewer entries than the largest argument. What is as large may well be as narrow.
    """

    def halved(leaf: Any) -> Any:
        return jax.ShapeDtypeStruct(leaf.shape, jnp.bfloat16) if is_float(leaf) else leaf

    largest = max((np.size(leaf) for leaf in jax.tree.leaves(sample.arguments) if is_float(leaf)), default=0)
    saved = sample.rule.residuals(*jax.tree.map(halved, sample.arguments), **sample.static)
    return [
        path
        for path, leaf in jax.tree.leaves_with_path(saved)
        if is_float(leaf) and leaf.dtype.itemsize > 2 and leaf.size < largest
    ]


def forward_mistakes(sample: Sample) -> Iterator[Wrong]:
    """Yield the mistakes in the value of the forward. The rule's `plain` makes them too.

    A value rounded to float32 is not among them: a function may compute in float32 whatever it is given, and is then
    judged as one of float32.
    """
    for path in float_paths(sample.y):
        name = f"the output{jax.tree_util.keystr(path)}: scaled by 1 + 1e-3"
        yield Wrong(name, "forward off", _with_value(sample.rule, path, lambda y: y * OFF))


# Rules made wrong


def _returned(rule: Rule, backward: Callable, static: dict[str, Any], saved: Any, dy: Any) -> tuple:
    """Run a backward; return a tuple even of one cotangent."""
    cotangents = backward(saved, dy, **static)
    return (cotangents,) if len(rule.argument_names) == 1 else cotangents


def _with_cotangents(rule: Rule, change: Callable[[tuple], tuple]) -> Rule:
    original = passes(rule).backward

    def backward(saved, dy, **static):
        changed = change(_returned(rule, original, static, saved, dy))
        return changed[0] if len(rule.argument_names) == 1 else changed

    return rebuilt(rule, backward=backward)


def _with_given(rule: Rule, which: int, path: tuple, change: Change) -> Rule:
    """Change an array of what the backward is given: the residuals (0) or the cotangent (1)."""
    original = passes(rule).backward

    def backward(saved, dy, **static):
        given = [saved, dy]
        given[which] = _at_path(given[which], path, change)
        return original(*given, **static)

    return rebuilt(rule, backward=backward)


def _with_saved(rule: Rule, change: Change) -> Rule:
    original = passes(rule).backward
    return rebuilt(rule, backward=lambda saved, dy, **static: original(change(saved), dy, **static))


def _with_value(rule: Rule, path: tuple, change: Change) -> Rule:
    original = passes(rule).forward

    def forward(*arrays, **static):
        y, saved = original(*arrays, **static)
        return _at_path(y, path, change), saved

    return rebuilt(rule, forward=forward)


def _kept_in(rule: Rule, path: tuple, dtype: Any) -> Rule:
    """Keep a residual in another dtype, that of the first float argument for None; give it back in its own."""
    original = passes(rule)

    def forward(*arrays, **static):
        y, saved = original.forward(*arrays, **static)
        narrow = dtype or next(leaf.dtype for leaf in jax.tree.leaves(arrays) if is_float(leaf))
        return y, (_at_path(saved, path, lambda leaf: leaf.astype(narrow)), Static(_at(saved, path).dtype))

    def backward(kept, dy, **static):
        saved, own = kept
        return original.backward(_at_path(saved, path, lambda leaf: leaf.astype(own.value)), dy, **static)

    return rebuilt(rule, forward=forward, backward=backward)


def _nan_where_argument_is_zero(rule: Rule, path: tuple) -> Rule:
    original = passes(rule)

    def forward(*arrays, **static):
        y, saved = original.forward(*arrays, **static)
        return y, (saved, _at(arrays, path) == 0)

    def backward(kept, dy, **static):
        saved, is_zero = kept
        cotangents = _returned(rule, original.backward, static, saved, dy)
        changed = _at_path(cotangents, path, lambda dx: jnp.where(is_zero, jnp.full_like(dx, jnp.nan), dx))
        return changed[0] if len(rule.argument_names) == 1 else changed

    return rebuilt(rule, forward=forward, backward=backward)


def _detour(rule: Rule, path: tuple, factor: float) -> Rule:
    """Multiply the cotangent by a large or small power of two and divide again, as a careless normalisation does."""

    def change(dy):
        big = jnp.asarray(2.0 ** (factor * (jnp.finfo(dy.dtype).maxexp // 2)), dy.dtype)
        scale = jnp.where(jnp.isnan(dy), jnp.ones_like(dy), jnp.full_like(dy, big))  # XLA folds constants
        return dy * scale / scale

    return _with_given(rule, 1, path, change)


# Changes of arrays and trees


def is_matrix(shape: tuple[int, ...]) -> bool:
    """Return whether transposing the last two axes means anything."""
    return len(shape) >= 2 and min(shape[-2:]) > 1


def transposed(x: Any) -> Any:
    """Return x with its last two axes swapped, read in x's own shape: the transpose where those axes are equal."""
    return jnp.swapaxes(x, -1, -2).reshape(x.shape) if is_matrix(jnp.shape(x)) else x


def _through(dtype: Any) -> Change:
    return lambda x: x.astype(dtype).astype(x.dtype)


def _half(x: Any) -> Any:
    return x[: x.shape[0] // 2]


def _rest(x: Any) -> Any:
    return x[x.shape[0] // 2 :]


def _at(tree: Any, path: tuple) -> Any:
    return dict(jax.tree.leaves_with_path(tree))[path]


def _at_path(tree: Any, path: tuple, change: Change) -> Any:
    return jax.tree.map_with_path(lambda at, leaf: change(jnp.asarray(leaf)) if at == path else leaf, tree)


def _swap(tree: Any, one: tuple, other: tuple) -> Any:
    found = {one: _at(tree, other), other: _at(tree, one)}
    return jax.tree.map_with_path(lambda at, leaf: found.get(at, leaf), tree)
