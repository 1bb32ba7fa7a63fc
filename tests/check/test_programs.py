"""Traced programs: run again they give what they gave, with equations replaced they give something else."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from fnn import rules
from fnn.check import programs

X = jnp.asarray([0.3, -0.5, 0.9], jnp.float32)


@jax.custom_vjp
def cube(x):
    return x * x * x


cube.defvjp(lambda x: (x * x * x, x), lambda x, dy: (100 * dy,))

PROGRAMS = {
    "jit": jax.jit(jnp.sin),
    "remat": jax.checkpoint(jnp.sin),
    "scan": lambda x: lax.scan(lambda c, t: (c * jnp.sin(t), c + t), jnp.float32(1), x, reverse=True),
    "scan without inputs": lambda x: lax.scan(lambda c, _: (jnp.sin(c), c), x, None, length=3),
    "cond": lambda x: lax.cond(x[0] > 0, jnp.sin, jnp.cos, x),
    "switch": lambda x: lax.switch(2, [jnp.cos, jnp.tan, jnp.sin], x),
    "while": lambda x: lax.while_loop(lambda s: s[1] < 3, lambda s: (jnp.sin(s[0]), s[1] + 1), (x, 0))[0],
    "fori": lambda x: lax.fori_loop(0, 4, lambda i, y: jnp.sin(y), x),
    "custom_vjp": lambda x: jnp.sin(cube(x)),
    "custom_jvp": lambda x: jnp.sin(jax.nn.relu(x)),
    "a rule": lambda x: jnp.sin(rules.softmax(x)),
    "a tree": lambda x: {"sin": jnp.sin(x), "pair": (x, None, jnp.sum(x))},
    "a constant output": lambda x: (jnp.sin(x), 3.0),
    "nested": jax.jit(lambda x: lax.scan(lambda c, t: (lax.cond(t > 0, jnp.sin, jnp.cos, c), t), x[0], x)),
}


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_program_run_again_gives_what_it_gave(name):
    function = PROGRAMS[name]
    for run in (programs.rewritten(function, lambda *_: None), jax.jit(programs.rewritten(function, lambda *_: None))):
        jax.tree.map(np.testing.assert_array_equal, run(X), jax.jit(function)(X))


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in ("a tree",)])
def test_an_equation_is_replaced_wherever_it_stands(name):
    seen = []

    def replace(equation, values):
        if equation.primitive.name == "sin":
            seen.append(programs.source_line(equation))
            return [values[0] * 0]
        return None

    got = jax.tree.leaves(programs.rewritten(PROGRAMS[name], replace)(X))
    assert seen and any((leaf == 0).any() for leaf in map(np.asarray, got))


def test_opened_rules_are_differentiated_by_jax():
    for function, slope in ((cube, 3 * X**2), (jax.jit(cube), 3 * X**2), (rules.tanh, 1 - np.tanh(X) ** 2)):
        opened = programs.opened(function, X)
        assert opened is not None
        y, pull = jax.vjp(opened, X)
        np.testing.assert_allclose(y, function(X), rtol=1e-6)
        np.testing.assert_allclose(pull(jnp.ones(3))[0], slope, rtol=1e-5)
    assert programs.opened(jnp.sin, X) is None


def test_a_custom_jvp_is_opened_alone_and_kept_inside_a_rule():
    opened = programs.opened(jax.nn.relu, X)
    assert opened is not None
    assert jax.grad(lambda x: opened(x).sum())(jnp.zeros(1)) == 0.5, "maximum shares a tie"

    @jax.custom_vjp
    def twice(x):
        return 2 * jax.nn.relu(x)

    twice.defvjp(lambda x: (2 * jax.nn.relu(x), x), lambda x, dy: (dy,))
    inside = programs.opened(twice, X)
    assert inside is not None
    assert jax.grad(lambda x: inside(x).sum())(jnp.zeros(1)) == 0, "the rule of relu takes the side of zero"


def test_a_line_is_the_users():
    closed, _ = programs.trace(lambda x: jnp.sin(x) * 2, X)
    assert all(__file__ in programs.source_line(equation) for equation in closed.jaxpr.eqns)
