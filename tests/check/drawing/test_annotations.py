"""What annotations say: which values a parameter may take, in which order."""

import functools
from typing import Annotated, Any, Literal, NamedTuple, NewType, Optional

import jax
import numpy as np
import pytest
from jaxtyping import Array, ArrayLike, Bool, Complex, Float, Float32, Int, Int8, Key, Num, PyTree, Shaped, UInt, UInt8

from fnn import rules
from fnn.check.drawing.annotations import Leaf, alternatives, candidates, name_of, parameters


def kinds(annotation, **words):
    """Return the dtypes of the candidates that are one array, the whole of it."""
    return [leaf.dtype for leaf in candidates(annotation, **words) if isinstance(leaf, Leaf) and leaf.part == "whole"]


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (Float[Array, "n"], ["float64"]),
        (Float32[Array, "n"], ["float64"]),
        (Num[Array, "n"], ["float64", "int64"]),
        (Shaped[Array, "n"], ["float64", "int64", "bool"]),
        (Int[Array, "n"], ["int64"]),
        (Int8[Array, "n"], ["int8"]),
        (UInt8[Array, "n"], ["uint8"]),
        (UInt[Array, "2"], ["raw key", "uint32"]),
        (Bool[Array, "n"], ["bool"]),
        (Complex[Array, "n"], ["complex128"]),
        (Key[Array, ""], ["key"]),
        (Key[Array, ""] | UInt[Array, "..."], ["key", "raw key"]),
        (Float[ArrayLike, "n"], ["float64"]),
        (Array, ["float64", "int64", "key", "bool"]),
        (float, ["float64"]),
    ],
)
def test_kinds_of_arrays(annotation, wanted):
    assert kinds(annotation) == wanted


def test_a_bare_array_may_be_a_part_of_the_first():
    assert [leaf.part for leaf in candidates(Float[Array, "..."])] == ["whole", "leading", "last", "none"]
    assert [leaf.axes for leaf in candidates(Key[Array, "..."])] == [()]


class Pair(NamedTuple):
    w: Float[Array, "in out"]
    b: Float[Array, " out"] | None


N = Float[Array, "n"]
LEAF = Leaf("float64", ("n",))
WEIGHTS = Leaf("float64", ("in", "out"))


@pytest.mark.parametrize(
    ("annotation", "wanted"),
    [
        (N | None, [LEAF, None]),
        (Optional[N], [LEAF, None]),  # noqa: UP045
        (None | N, [LEAF, None]),
        (Annotated[N, "unit"], [LEAF]),
        (NewType("Weights", N), [LEAF]),  # pyright: ignore[reportGeneralTypeIssues]
        (tuple[N, N], [(LEAF, LEAF)]),
        (tuple[N, ...], [(LEAF, LEAF), (LEAF,)]),
        (list[N], [[LEAF, LEAF]]),
        (dict[str, N], [{"first": LEAF, "second": LEAF}]),
        (PyTree[N], [{"a": LEAF, "b": LEAF}]),
        (Pair, [Pair._make((WEIGHTS, Leaf("float64", ("out",)))), Pair._make((WEIGHTS, None))]),
        (Any, []),
        (str, []),
        (dict[int, N], []),
        ("Unknown", []),
    ],
)
def test_containers(annotation, wanted):
    assert candidates(annotation) == wanted


def test_static_values_are_of_python():
    assert candidates(float, static=True)[0] == 0.5
    assert candidates(int, static=True)[:2] == [1, 2]
    assert candidates(bool, static=True) == [True, False]
    assert candidates(tuple[int, int], static=True)[0] == (1, 1)
    assert candidates(Literal["a", "b"] | None, static=True) == ["a", "b", None]
    assert candidates(Array, static=True) == []  # at its default, for nothing is said of its shape


def function(
    x: N, scale: float, b: N | None = None, where: Array | None = None, mode: str = "x", *, axis: int = -1, flag=True
): ...


def test_parameters_of_a_function():
    found = {p.name: p for p in parameters(function)}
    assert found["x"].candidates == [LEAF]
    assert found["scale"].candidates[0] == Leaf("float64", ())
    assert found["b"].candidates == [LEAF, None]
    assert [found[name].candidates for name in ("where", "mode", "axis", "flag")] == [[None], ["x"], [-1], [True]]
    assert [name for name, p in found.items() if not p.positional] == ["axis", "flag"]
    assert [alternatives(found[name]) for name in ("axis", "flag")] == [[0, -2, 0, -2], [False]]


def test_shapes_stand_for_annotations_and_values_are_taken_as_given():
    found = {p.name: p.candidates for p in parameters(lambda x, w, b: x, ("a b", "b"), {"b": None})}
    assert found == {"x": [Leaf("float64", ("a", "b"))], "w": [Leaf("float64", ("b",))], "b": [None]}


def test_shapes_name_starred_arguments():
    assert [p.candidates for p in parameters(lambda *xs: xs, ("a", "b"))] == [
        [Leaf("float64", ("a",))],
        [Leaf("float64", ("b",))],
    ]


def strings(x: "N", y: "Missing" = None, *, z: "Literal['a', 'b']" = "a"): ...  # pyright: ignore


@functools.partial(jax.custom_vjp, nondiff_argnums=(1,))
def power(x: N, p: int):
    return x**p


def test_every_kind_of_function_is_read():
    wanted = [LEAF]
    assert parameters(strings)[0].candidates == wanted
    assert alternatives(parameters(strings)[2]) == ["a", "b"]
    for one in (power, jax.jit(power, static_argnums=1), functools.partial(power, p=3)):
        assert parameters(one)[0].candidates == wanted
    assert parameters(power)[1].candidates == [1, 2, 0, 3, -1]  # static, though by position
    assert [p.name for p in parameters(functools.partial(power, p=3))] == ["x"]
    assert [p.name for p in parameters(rules.squared_error)][:3] == ["prediction", "target", "weights"]


def test_names():
    assert [name_of(one) for one in (rules.tanh, power, jax.jit(np.sin), functools.partial(power, p=1))] == [
        "tanh",
        "power",
        "sin",
        "power",
    ]


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: parameters(lambda x: x), r"<lambda>: the argument x has no annotation, .* jaxtyping, as x: Float"),
        (lambda: parameters(power, ("n", "m", "k")), r"power: it takes \(x: .*\), which does not name 3 arrays"),
        (lambda: parameters(max), r"max: it takes \(\*args\), which does not name an array"),
        (lambda: parameters(power, given={"q": 1}), r"power: it has no parameter q; it takes \(x, p\)"),
    ],
)
def test_what_is_not_said_is_an_error(call, message):
    with pytest.raises(ValueError, match=message):
        call()


def test_a_keyword_without_a_default_is_named():
    def pooled(x: N, *, mode: str):
        return x, mode

    with pytest.raises(ValueError, match="pooled: the keyword mode is annotated <class 'str'> and has no default"):
        parameters(pooled)
