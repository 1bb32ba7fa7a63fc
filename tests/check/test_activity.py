"""Which equations carry a gradient, against JAX's forward mode with one equation's tangent poisoned.

Random programs of nested jit, remat, scan, while and cond are run with each equation's tangent turned to NaN in turn,
where it is not zero: the equation carries a gradient if and only if a NaN comes out. (Where a value lives for an exact
number of rounds, `active`, to which a loop is one of any number of rounds, finds too much: so in program 23.)
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.check import programs
from fnn.check.activity import CONSTANT, CONTAINERS, active
from fnn.check.leaves import is_inexact

ROUNDS = 6  # more than any way through two carries takes
SEEDS = (1, 3, 4, 6, 8, 14, 16, 18, 22, 28, 40, 46)  # of programs with something active


@jax.custom_jvp
def poisoned(x, factor):
    """Return x, whose tangent is multiplied by the factor where it is not zero."""
    return x


@poisoned.defjvp
def poisoned_jvp(primals, tangents):
    (x, factor), (tangent, _) = primals, tangents
    return x, jnp.where(tangent == 0, tangent, tangent * factor)


# Nothing here has a zero derivative by chance, or drops an entry: that would be no business of the program's.
UNARY = (
    *3 * (jnp.sin, lambda a: 0.5 * a, lambda a: a.reshape(3, 1).reshape(3), lambda a: a[::-1]),
    *(jax.lax.stop_gradient, jnp.round, lambda a: a.astype(jnp.int32).astype(jnp.float32)),
)
BINARY = (lambda a, b: jnp.sin(a + 2 * b), lambda a, b: jnp.concatenate([a, b]).reshape(2, 3).mean(0))
KINDS = ("unary", "binary", "binary", "nest", "nest")


def block(draw, values, depth):
    """Grow a list of arrays by random operations and return the last two, in random order."""
    for _ in range(draw.integers(2, 4)):
        a, b, c = (values[-1 - draw.integers(min(3, len(values)))] for _ in range(3))
        kind = draw.choice(KINDS if depth else KINDS[:3])
        if kind == "unary":
            values = [*values, UNARY[draw.integers(len(UNARY))](a)]
        elif kind == "binary":
            values = [*values, BINARY[draw.integers(len(BINARY))](a, b)]
        else:
            values = [*values, *nest(draw, a, b, c, depth - 1)]
    return tuple(values[-k] for k in draw.permutation(2) + 1)


def inner(seed, depth):
    """Return a random function of some arrays, the same at each call."""
    return lambda *values: block(np.random.default_rng(seed), list(values), depth)


def nest(draw, a, b, c, depth):
    """Return two arrays from a random program within jit, remat or scan."""
    body = inner(draw.integers(2**31), depth)
    match draw.choice(["jit", "remat", "scan"]):
        case "jit":
            return jax.jit(body)(a, b)
        case "remat":
            return jax.checkpoint(body)(a, b)
        case _:
            rows = jnp.broadcast_to(b, (ROUNDS, 3))
            carry, ys = jax.lax.scan(lambda carry, row: (body(row, c, *carry), carry[0]), (a, b), rows)
            return carry[0], ys.mean(0)


def program(seed):
    """Return a random function of two arrays and the integers that choose a branch and the number of rounds."""

    def run(x, y, branch, rounds):
        draw = np.random.default_rng(seed)
        constant = jnp.array([0.1, 0.4, -0.7])
        x, y = block(draw, [x, y, constant], 2)
        one, other, body = (inner(draw.integers(2**31), 1) for _ in range(3))
        x, z = jax.lax.cond(branch > 0, one, other, x, constant)
        _, x, z = jax.lax.while_loop(lambda c: c[0] < rounds, lambda c: (c[0] + 1, *body(*c[1:], y)), (0, x, z))
        return sum(block(draw, [x, y, z], 1))

    return run


def leaves(closed):
    """Return the equations that hold no others and have a floating output, each once."""
    found = {id(e): e for e in programs.equations(closed) if any(is_inexact(v.aval) for v in e.outvars)}
    return {key: e for key, e in found.items() if e.primitive.name not in CONTAINERS}


@functools.cache
def study(seed):
    """Return by equation whether `active` finds it and whether its poison comes out."""
    x, y = (np.asarray(v, np.float32) for v in np.random.default_rng(seed).normal(size=(2, 3)))
    closed, _ = programs.trace(program(seed), x, y, 0, 0)
    numbers = {key: number for number, key in enumerate(leaves(closed))}

    def tangent(factors, branch, rounds):
        def replace(equation, values):
            if id(equation) not in numbers:
                return None
            out = equation.primitive.bind(*values, **equation.params)
            outputs = out if equation.primitive.multiple_results else [out]
            return [poisoned(value, factors[numbers[id(equation)]]) for value in outputs]

        run = lambda x, y: programs.evaluate(closed, [x, y, branch, rounds], replace)[0]  # noqa: E731
        return jnp.isnan(jax.jvp(run, (x, y), (jnp.ones(3), jnp.ones(3)))[1]).any()

    factors = np.where(np.eye(len(numbers)), np.float32(np.nan), np.float32(1))
    assert not tangent(np.ones(len(numbers), np.float32), 1, ROUNDS)
    each = jax.jit(jax.vmap(tangent, (0, None, None)))
    comes_out = np.any([each(factors, *choice) for choice in itertools.product((0, 1), (0, 1, 2, ROUNDS))], 0)
    listed = {id(entry.equation) for entry in active(closed, "?")}
    return {key: (key in listed, bool(comes_out[number])) for key, number in numbers.items()}, leaves(closed)


@pytest.mark.parametrize("seed", SEEDS)
def test_an_equation_is_active_if_and_only_if_its_poison_comes_out(seed):
    found, equations = study(seed)
    wrong = [
        f"{equations[key]}: active {says}, poison {is_so}" for key, (says, is_so) in found.items() if says != is_so
    ]
    assert not wrong, "\n".join(wrong)


def test_what_a_loop_of_that_many_rounds_drops_is_found_too_and_nothing_is_missed():
    says, comes_out = zip(*study(23)[0].values(), strict=True)
    assert list(map(max, says, comes_out)) == list(says) and sum(says) > sum(comes_out)


def test_the_random_programs_are_no_trivial_ones():
    says = [says for seed in SEEDS for says, _ in study(seed)[0].values()]
    assert sum(says) > 100 and len(says) - sum(says) > 100


@pytest.mark.parametrize("name", sorted(CONSTANT))
def test_what_is_called_constant_has_no_derivative(name):
    function = {
        "stop_gradient": jax.lax.stop_gradient,
        "bitcast_convert_type": lambda x: jax.lax.bitcast_convert_type(x, jnp.float32),
    }.get(name) or getattr(jax.lax, name)
    x = jnp.array([-1.7, -0.4, 0.3, 2.6])
    assert [e.primitive.name for e in jax.make_jaxpr(function)(x).eqns] == [name]
    np.testing.assert_array_equal(jax.jvp(function, (x,), (jnp.ones(4),))[1], 0)
