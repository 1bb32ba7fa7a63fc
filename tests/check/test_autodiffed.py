"""What JAX differentiates by itself: every kind of program that a way may lead through, to the name and the line.

A line is told by the comment at its end: `line("in jit")` is the line of this file that ends with "# in jit". That the
right equations are found in any mixture of programs is the business of test_activity.py.
"""

from pathlib import Path

import jax
import jax.numpy as jnp
import pytest
from jax.experimental import pallas

import fnn
from fnn import rules
from fnn.check.autodiffed import autodiffed

HERE = Path(__file__)
LINES = HERE.read_text().splitlines()
X = jnp.array([0.3, -1.2, 2.0])


@jax.custom_vjp
def tanh(x):
    return jnp.tanh(x)


@jax.custom_vjp
def multiply(x, y):
    return x * y


tanh.defvjp(lambda x: (jnp.tanh(x), jnp.tanh(x)), lambda y, dy: (dy * (1 - y * y),))
multiply.defvjp(lambda x, y: (x * y, (x, y)), lambda xy, dy: (dy * xy[1], dy * xy[0]))


def line(mark: str) -> int:
    (number,) = (number for number, text in enumerate(LINES, 1) if text.endswith(f"  # {mark}"))
    return number


def at(items) -> dict[tuple[str, int], int]:
    """Return {(primitive, line of this file): count}."""
    found = {}
    for item in items:
        file, number = item.source.split(" ")[0].rsplit(":", 1)
        assert file == str(HERE), item
        found[item.primitive, int(number)] = item.count
    return found


def names(items) -> set[str]:
    return {item.primitive for item in items}


def test_a_primitive_of_jax_is_named_with_its_line():
    def f(x):
        y = jnp.sin(x)  # plain sin
        return y * x * y  # plain mul

    found = autodiffed(f, X)
    assert at(found.differentiated) == {("sin", line("plain sin")): 1, ("mul", line("plain mul")): 2}
    assert found and not found.structural and not found.rules
    assert found.differentiated[0].source.endswith("f)")


def test_a_rule_is_opaque_and_counted():
    def f(x):
        y = tanh(x)  # a rule
        return tanh(multiply(y, x))  # two rules

    found = autodiffed(f, X)
    assert not found
    assert at(found.rules) == {
        ("tanh", line("a rule")): 1,
        ("multiply", line("two rules")): 1,
        ("tanh", line("two rules")): 1,
    }


def test_a_rule_itself_stands_at_the_line_that_asks():
    found = autodiffed(tanh, X)  # asked for
    assert not found and at(found.rules) == {("tanh", line("asked for")): 1}


def test_a_rule_of_fnn_goes_by_its_name_and_stands_at_the_line_that_calls_it():
    def f(x):
        return rules.softplus(x)  # a rule of fnn

    found = autodiffed(f, X)
    assert not found and at(found.rules) == {("softplus", line("a rule of fnn")): 1}


def test_the_backward_of_a_rule_is_jax_s_to_differentiate():
    found = autodiffed(jax.grad(lambda x: rules.square(x).sum()), X)
    assert "mul" in names(found.differentiated) and not found.rules


def test_without_rules_the_plain_forward_is_seen():
    with fnn.autodiff():
        found = autodiffed(lambda x: rules.exp(x), X)
    assert names(found.differentiated) == {"exp"} and not found.rules


def test_jit_is_entered():
    @jax.jit
    def inner(x):
        return jnp.cos(x)  # in jit

    def f(x):
        return inner(inner(x))  # calls jit

    found = autodiffed(f, X)
    assert at(found.differentiated) == {("cos", line("in jit")): 2}
    assert at(found.structural) == {("jit", line("calls jit")): 2}


@pytest.mark.parametrize("again", [False, True])
def test_a_function_of_jax_stands_at_the_line_that_calls_it_whoever_traced_it_first(again):
    def other(x):
        return jnp.var(x)

    def f(x):
        return jnp.var(x)  # var

    if again:
        jax.make_jaxpr(other)(X)
    found = autodiffed(f, X)
    assert {"square", "sub", "reduce_sum", "div"} <= names(found.differentiated)
    assert {number for _, number in at((*found.differentiated, *found.structural))} == {line("var")}


def test_remat_is_entered():
    @jax.checkpoint
    def inner(x):
        return tanh(x) * 2.0  # in remat

    found = autodiffed(lambda x: inner(x), X)
    assert at(found.differentiated) == {("mul", line("in remat")): 1}
    assert at(found.rules) == {("tanh", line("in remat")): 1}
    assert names(found.structural) == {"remat"}


def test_scan_is_entered_and_its_body_counts_once():
    def body(carry, x):
        carry = carry * x  # in scan
        return carry, tanh(carry)  # rule in scan

    def f(x, start):
        return jax.lax.scan(body, start, x)  # scan

    found = autodiffed(f, X, jnp.float32(1))
    assert at(found.differentiated) == {("mul", line("in scan")): 1}
    assert at(found.rules) == {("tanh", line("rule in scan")): 1}
    assert at(found.structural) == {("scan", line("scan")): 1}


def test_what_depends_on_an_input_from_the_second_round_on_is_found():
    def body(carry, x):
        a, b, c = carry
        return (a + x, jnp.sin(a), jnp.cos(b)), jnp.exp(c)  # later rounds

    def f(x):
        return jax.lax.scan(body, (0.0, 0.0, 0.0), x)[1].astype(jnp.float32)

    found = autodiffed(f, X)
    assert at(found.differentiated) == {(name, line("later rounds")): 1 for name in ("add", "sin", "cos", "exp")}


def test_what_reaches_an_output_of_a_later_round_is_found_and_nothing_else():
    def body(carry, x):
        a, b, _ = carry
        return (jnp.sin(x), jnp.cos(a), jnp.tan(x)), jnp.exp(b)  # earlier rounds

    ys = autodiffed(lambda x: jax.lax.scan(body, (0.0, 0.0, 0.0), x)[1], X)
    assert at(ys.differentiated) == {(name, line("earlier rounds")): 1 for name in ("sin", "cos", "exp")}
    last = autodiffed(lambda x: jax.lax.scan(body, (0.0, 0.0, 0.0), x)[0][2], X)
    assert at(last.differentiated) == {("tan", line("earlier rounds")): 1}


def test_both_ways_in_and_out_of_a_scan_are_exact():
    def f(x, y):
        start = jnp.sin(y[0])  # overwritten
        const = jnp.cos(y[1])  # a constant of the loop
        carry, _ = jax.lax.scan(lambda carry, x: (multiply(x, const), None), start, x)
        return jnp.exp(carry)  # after the loop

    found = autodiffed(f, X, X)
    assert at(found.differentiated) == {("cos", line("a constant of the loop")): 1, ("exp", line("after the loop")): 1}


def test_a_scan_of_no_rounds_gives_its_carry_back():
    def f(x):
        return jax.lax.scan(lambda carry, _: (jnp.zeros(()), None), jnp.sin(x[0]), None, length=0)[0]

    assert names(autodiffed(f, X).differentiated) == {"sin"}


def test_every_branch_of_cond_is_entered():
    def f(x, y):
        k = x.argmax()
        return jax.lax.switch(
            k,
            [
                lambda x: jnp.sin(x),  # branch 0
                lambda x: tanh(x),  # branch 1
                lambda x: jnp.cos(x),  # branch 2
            ],
            y,
        )

    found = autodiffed(f, X, X)
    assert at(found.differentiated) == {("sin", line("branch 0")): 1, ("cos", line("branch 2")): 1}
    assert at(found.rules) == {("tanh", line("branch 1")): 1}
    assert names(found.structural) == {"cond"}


def test_the_condition_carries_no_gradient():
    def f(x, y):
        return jax.lax.cond(jnp.sin(x[0]) > 0, tanh, rules.exp, y)

    assert not autodiffed(f, X, X)


def test_cond_keeps_its_operands_apart():
    def f(x, flag):
        a, _ = jax.lax.cond(flag, lambda a, b: (a, jnp.tan(b)), lambda a, b: (b, b), jnp.sin(x), jnp.cos(x))
        return a

    assert names(autodiffed(f, X, True).differentiated) == {"sin", "cos"}


def test_while_is_entered_and_said_to_have_no_reverse():
    def f(x):
        limit = jnp.sin(x).sum()  # read by the condition alone
        return jax.lax.while_loop(
            lambda carry: carry[0] < limit,
            lambda carry: (carry[0] + 1.0, carry[2], tanh(carry[1] * 2.0)),  # in while
            (0.0, x, jnp.zeros(3)),
        )[2]

    found = autodiffed(f, X)
    assert at(found.differentiated) == {("mul", line("in while")): 1}
    assert at(found.rules) == {("tanh", line("in while")): 1}
    assert names(found.structural) == {"while"}
    assert "cannot differentiate in reverse" in str(found)
    with pytest.raises(ValueError, match=r"[Rr]everse-mode differentiation does not work"):
        jax.grad(lambda x: f(x).sum())(X)


def test_a_loop_that_carries_no_gradient_is_no_trouble():
    def f(x):
        count = jax.lax.while_loop(lambda n: n * n < x.size, lambda n: n + 1, 0)
        return tanh(x[:2]) if count is None else tanh(x)

    found = autodiffed(f, X)
    assert not found.structural and "reverse" not in str(found)


def test_fori_loop_is_a_scan():
    found = autodiffed(lambda x: jax.lax.fori_loop(0, 3, lambda i, y: tanh(y), x), X)
    assert not found and "scan" in names(found.structural)


def test_shard_map_is_entered():
    mesh = jax.make_mesh((1,), ("batch",), axis_types=(jax.sharding.AxisType.Auto,))

    @jax.shard_map(mesh=mesh, in_specs=(jax.P("batch"), jax.P()), out_specs=jax.P())
    def total(x, w):
        y = multiply(x, jnp.exp(w))  # in shard_map
        return jax.lax.psum(y.sum(), "batch")  # sum over devices

    found = autodiffed(lambda x, w: total(x, w), X, X)
    sums = {(name, number) for name, number in at(found.differentiated) if number == line("sum over devices")}
    assert {name.split("_invariant")[0] for name, _ in sums} == {"psum", "reduce_sum"}
    assert ("exp", line("in shard_map")) in at(found.differentiated) and len(found.differentiated) == 3
    assert at(found.rules) == {("multiply", line("in shard_map")): 1}
    assert "shard_map" in names(found.structural)


def test_a_forward_rule_is_jax_s_to_transpose():
    def f(x):
        return jax.nn.relu(x)  # custom_jvp

    assert at(autodiffed(f, X).differentiated) == {("custom_jvp_call[relu]", line("custom_jvp")): 1}


def test_a_kernel_is_listed_and_not_entered():
    def double(x_ref, y_ref):
        y_ref[...] = x_ref[...] * 2.0

    def f(x):
        return pallas.pallas_call(double, out_shape=jax.ShapeDtypeStruct((3,), jnp.float32), interpret=True)(x)

    assert names(autodiffed(f, X).differentiated) == {"pallas_call"}


def test_how_a_reduction_combines_is_no_program_of_its_own():
    def f(x):
        y = jax.lax.reduce(x, jnp.float32(0), lambda a, b: a * b + 1.0, (0,))  # reduce
        return x.at[jnp.array([0, 0])].add(y)  # scatter

    assert at(autodiffed(f, X).differentiated) == {("reduce", line("reduce")): 1, ("scatter-add", line("scatter")): 1}


def test_a_primitive_that_holds_programs_is_listed_and_entered():
    def f(x):
        return jax.lax.custom_linear_solve(lambda v: 2.0 * v, x, lambda _, b: jnp.sin(b), lambda _, b: b / 2.0)  # solve

    found = autodiffed(f, X)
    assert {("custom_linear_solve", line("solve")): 1, ("sin", line("solve")): 1}.items() <= at(
        found.differentiated
    ).items()


def test_what_passes_through_a_mutable_array_is_listed():
    def f(x):
        kept = jax.new_ref(jnp.zeros(3))
        kept[...] = jnp.sin(x)  # written
        return tanh(kept[...])  # read

    found = at(autodiffed(f, X).differentiated)
    assert {("sin", line("written")), ("swap", line("written")), ("get", line("read"))} <= set(found)


def test_stop_gradient_ends_a_way():
    def f(x):
        return multiply(jax.lax.stop_gradient(jnp.sin(x)), x)

    found = autodiffed(f, X)
    assert not found and names(found.rules) == {"multiply"}


@pytest.mark.parametrize(
    "through_integers",
    [
        lambda x: x.at[jnp.argmax(jnp.sin(x))].get(),
        lambda x: jnp.take(x, jnp.exp(x).astype(jnp.int32) * 0),
        lambda x: x[(jnp.sin(x) > 0).astype(jnp.int32)],
    ],
)
def test_integers_and_comparisons_end_a_way(through_integers):
    assert not {"sin", "exp", "argmax"} & names(autodiffed(through_integers, X).differentiated)


def test_a_mask_is_a_constant_and_the_choice_is_not():
    found = autodiffed(lambda x: jnp.where(jnp.sin(x) > 0, x, 0.0), X)
    assert names(found.differentiated) == {"select_n"}


@pytest.mark.parametrize("constant", [jnp.sign, jnp.round, jnp.floor, jnp.ceil])
def test_a_derivative_of_zero_ends_a_way(constant):
    assert not autodiffed(lambda x: multiply(constant(jnp.sin(x)), x), X)


def test_a_draw_is_a_constant_and_its_parameters_are_not():
    def f(x, key):
        return rules.add(jax.random.normal(key, x.shape), x)

    assert not autodiffed(f, X, jax.random.key(0))
    assert names(autodiffed(lambda x, key: f(x, key) * x, X, jax.random.key(0)).differentiated) == {"mul"}


def test_dead_code_and_what_does_not_depend_on_an_input_are_not_listed():
    def f(x, k):
        jnp.sin(x)
        table = jnp.cos(jnp.arange(3.0) * k.astype(jnp.float32))
        jax.debug.print("{}", jnp.tan(x))
        return multiply(x, table), jnp.exp(x) > 1.0

    assert not autodiffed(f, X, jnp.int32(2))


def test_an_equation_on_another_output_of_a_call_is_not_listed():
    two = jax.jit(lambda x: (jnp.sin(x), jnp.cos(x)))  # two outputs
    found = autodiffed(lambda x: two(x)[1], X)
    assert at(found.differentiated) == {("cos", line("two outputs")): 1}


def test_nested_programs():
    @jax.checkpoint
    def layer(x, w):
        return jax.lax.cond(w[0] > 0, lambda y: tanh(y), lambda y: jnp.sin(y), x)  # innermost

    @jax.jit
    def net(x, ws):
        return jax.lax.scan(lambda x, w: (layer(x, w) * w, None), x, ws)[0]  # in the scan

    found = autodiffed(lambda x, ws: net(x, ws).reshape(1, 3), X, jnp.ones((4, 3)))
    assert at(found.differentiated) == {("sin", line("innermost")): 1, ("mul", line("in the scan")): 1}
    assert at(found.rules) == {("tanh", line("innermost")): 1}
    assert {"jit", "scan", "remat", "cond", "reshape"} <= names(found.structural)


def test_vmap_leaves_the_rules():
    assert not autodiffed(
        jax.vmap(lambda x, w: rules.matmul(x[None], w), (0, None)), jnp.ones((4, 3)), jnp.ones((3, 2))
    )
