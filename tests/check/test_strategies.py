"""Strategies: shared letters, few shapes, arrays from seeds; what is drawn can be drawn again, and shrinks."""

import sys

import hypothesis
import jax.numpy as jnp
import numpy as np
import pytest
from hypothesis import find, given, settings
from jaxtyping import Array, Float, Num

from fnn import rules
from fnn.check import strategies
from fnn.check.drawing.arguments import draw
from fnn.check.drawing.sizes import ROWS

quick = settings(
    max_examples=40,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=[hypothesis.HealthCheck.too_slow],
    phases=[hypothesis.Phase.generate, hypothesis.Phase.shrink],
)


def everything(strategy, examples: int = 40) -> list:
    """Return the different values of many examples."""
    seen = {}

    @settings(quick, max_examples=examples)
    @given(strategy)
    def collect(value):
        seen[repr(value)] = value

    collect()
    return list(seen.values())


def test_shapes_are_few_and_share_their_letters():
    seen = everything(strategies.shapes("*batch in", "in out", "out", "3 2*out"))
    assert 1 < len(seen) <= len(ROWS)
    for x, w, b, fixed in seen:
        assert x[-1] == w[0] and w[1:] == b and fixed == (3, 2 * b[0])
    assert {len(x) for x, *_ in seen} == {1, 2, 3, 4}


def test_dtypes():
    assert {dtype.name for dtype in everything(strategies.dtypes())} == {"float32", "bfloat16", "float16"}


@pytest.mark.parametrize(
    ("words", "low", "high"),
    [
        ({}, -np.inf, np.inf),
        ({"low": 0.5}, 0.5, np.inf),
        ({"high": -1.0}, -np.inf, -1.0),
        ({"low": 2.0, "high": 3.0}, 2.0, 3.0),
        ({"dtype": "int32"}, 0, 2),
        ({"dtype": "int8", "low": -3, "high": 4}, -3, 4),
        ({"dtype": "bool"}, 0, 2),
    ],
)
def test_arrays(words, low, high):
    seen = everything(strategies.arrays((4, 5), **words))
    assert len(seen) > 5
    for x in seen:
        assert x.shape == (4, 5) and x.dtype == jnp.dtype(words.get("dtype", "float32"))
        assert (x >= low).all() and (x < high).all()
        assert x.dtype.kind != "f" or len(np.unique(x)) == 20


def test_arrays_take_strategies_of_shape_and_dtype():
    shapes = strategies.shapes("n", "m n").map(lambda drawn: drawn[1])
    seen = everything(strategies.arrays(shapes, strategies.dtypes()))
    assert len({x.dtype for x in seen}) == 3 and len({x.shape for x in seen}) == len(ROWS)


def test_static_options():
    assert {tuple(sorted(s.items())) for s in everything(strategies.static(axis=(0, 1), keepdims=(False, True)))} == {
        (("axis", axis), ("keepdims", keepdims)) for axis in (0, 1) for keepdims in (False, True)
    }


@pytest.mark.deep  # half a minute for 200 examples of a function with five ways to call it
def test_calls_are_those_that_a_function_takes():
    seen = [str(one.call) for one in everything(strategies.draws(rules.softmax_cross_entropy), 200)]
    for parts in (
        ("targets int64 (2,)", "targets float64 (2, 6)"),
        ("class_weights", None),
        ("ignore_label=1", None),
        ("label_smoothing=0.5", "label_smoothing=0.0"),
        ("logits float64 (2, 3, 4)", "logits float64 (2, 6)", "logits float64 (4, 4)"),
    ):
        for part in parts:
            assert any(part in one if part else parts[0] not in one for one in seen), part


def test_few_programs_however_many_examples():
    seen = everything(strategies.arguments(rules.linear))
    assert len(seen) > 2 * len(ROWS) >= len({(args[0].shape, args[2] is None) for args, _ in seen})


def test_what_a_function_does_not_take_is_not_drawn():
    for args, static in everything(strategies.arguments(rules.glu)):
        assert args[0].shape[static["axis"]] % 2 == 0


def test_values_and_shapes_can_be_given():
    def scaled(x, w, *, scale: float = 1.0, shift: float = 0.0):
        return scale * (x @ w) + shift

    for args, static in everything(strategies.arguments(scaled, "a b", "b", given={"scale": 3.0})):
        assert args[0].shape[1:] == args[1].shape and static["scale"] == 3.0


def test_a_draw_says_how_to_draw_it_again():
    def scaled(x: Float[Array, "a"], y: Num[Array, "..."], *, scale: float, flag: bool = False):
        return scale * x + y.astype(x.dtype)

    for one in everything(strategies.draws(scaled)):
        args, static = eval(repr(one).replace("check.draw", "draw"), {"draw": draw, "scaled": scaled})
        wanted, wanted_static = one.values()
        assert static == wanted_static
        assert all(np.array_equal(a, b) and a.dtype == b.dtype for a, b in zip(args, wanted, strict=True))


def test_the_plain_draws_are_one_for_each_row():
    seen = strategies.plain(rules.linear)
    assert [repr(one) for one in seen] == [f"check.draw(linear, 0, row={row})" for row in range(len(ROWS))]
    assert [one.words["row"] for one in strategies.plain(rules.glu)] == [0, 1, 2]  # its axis is even
    assert strategies.plain(lambda x: 1 / 0, "n") == []


def test_shrinking_leads_to_the_plain_draw():
    assert (
        repr(find(strategies.draws(rules.linear), lambda one: True, settings=quick)) == "check.draw(linear, 0, row=0)"
    )
    found = find(strategies.draws(rules.linear), lambda one: one.values()[0][2] is None, settings=quick)
    assert repr(found) == "check.draw(linear, 0, row=0, way=1)"


def test_what_cannot_be_drawn_is_said():
    with pytest.raises(ValueError, match="the argument x has no annotation"):
        find(strategies.arguments(lambda x: x), lambda drawn: True, settings=quick)


def test_without_hypothesis_the_extra_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "hypothesis", None)
    with pytest.raises(ImportError, match=r'pip install "fnn\[test\]"'):
        strategies.shapes("n")
