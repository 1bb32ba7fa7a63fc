"""One table of every public algorithm, times the properties that each must have."""

import functools
import inspect
from collections.abc import Callable
from typing import Any, NamedTuple

import chex
import jax
import jax.numpy as jnp
import numpy as np
import optimizer_oracles as oracles
import pytest

from fnn import optim

STEPS = 8


class Row(NamedTuple):
    make: Callable
    oracle: Callable
    rate: float  # with which, falling along a cosine, it must reach the optimum of a quadratic
    amplification: float = 1.0  # of rounding errors, where an algorithm has one


TABLE = {
    "sgd": Row(optim.sgd, oracles.sgd, 0.3),
    "momentum": Row(optim.momentum, oracles.momentum, 0.1),
    "averaged_momentum": Row(optim.averaged_momentum, oracles.averaged_momentum, 0.3),
    "nesterov": Row(optim.nesterov, oracles.nesterov, 0.1),
    "adagrad": Row(optim.adagrad, oracles.adagrad, 0.5),
    "adadelta": Row(optim.adadelta, oracles.adadelta, 30.0),
    "rmsprop": Row(optim.rmsprop, oracles.rmsprop, 0.03),
    # the oracle's variance, a difference of means, keeps 1 - alpha = 0.01 of its digits
    "rmsprop, centered": Row(
        functools.partial(optim.rmsprop, centered=True), functools.partial(oracles.rmsprop, centered=True), 0.03, 100
    ),
    "rmsprop, momentum": Row(
        functools.partial(optim.rmsprop, momentum=0.9), functools.partial(oracles.rmsprop, mu=0.9), 0.003
    ),
    "adam": Row(optim.adam, oracles.adam, 0.03),
    "amsgrad": Row(optim.amsgrad, oracles.amsgrad, 0.1),
    "adamax": Row(optim.adamax, oracles.adamax, 0.1),
    "nadam": Row(optim.nadam, oracles.nadam, 0.03),
    "adamw": Row(optim.adamw, oracles.adam, 0.03),
    "radam": Row(optim.radam, oracles.radam, 0.1, 2000),  # rho is what remains of rho_inf = 1999
    "lion": Row(optim.lion, oracles.lion, 0.03),
    "lars": Row(optim.lars, oracles.lars, 30.0),
    "lamb": Row(optim.lamb, oracles.lamb, 0.03),
    "adafactor": Row(optim.adafactor, oracles.adafactor, 0.1),
    "muon": Row(optim.muon, oracles.muon, 0.1, 3.4445**5),  # what the iteration does to small singular values
    "schedule_free_adamw": Row(optim.schedule_free_adamw, oracles.schedule_free_adamw, 0.1),
}
rows = pytest.mark.parametrize("row", TABLE.values(), ids=TABLE.keys())


leaves = jax.tree.leaves


def random_tree(seed, dtype: Any):
    rng = np.random.default_rng(seed)
    shapes = {"first": {"w": (4, 3), "b": None}, "second": {"w": (3, 5), "b": (5,)}}
    return jax.tree.map(
        lambda shape: None if shape is None else jnp.asarray(rng.normal(size=shape), dtype),
        shapes,
        is_leaf=lambda shape: shape is None or isinstance(shape, tuple),
    )


def random_grads(dtype: Any, steps=STEPS):
    return [random_tree(100 + step, dtype) for step in range(steps)]


def fresh(make, **given):
    """Make the optimizer without weight decay unless it is given one: the default differs from one to the next."""
    return make(**{"weight_decay": 0.0} | given)


def test_the_table_is_complete():
    algorithms = {
        name
        for name, value in vars(optim).items()
        if inspect.isfunction(value) and next(iter(inspect.signature(value).parameters), None) == "learning_rate"
    }
    assert algorithms == {name.split(",")[0] for name in TABLE}


@pytest.mark.parametrize(("dtype", "decay"), [(np.float64, 0.0), (np.float64, 0.1), (np.float32, 0.1)])
@rows
def test_it_is_the_algorithm_of_its_paper(row, dtype, decay):
    with jax.enable_x64(dtype == np.float64):
        params, grads = random_tree(0, dtype), random_grads(dtype)
        optimizer = row.make(learning_rate=0.05, weight_decay=decay)
        state, at, update = optimizer.init(params), params, jax.jit(optimizer.update)
        for g in grads:
            state, at = update(state, g)
        got = list(zip(leaves(at), leaves(optim.solution(optimizer, state)), strict=True))
        exact = [np.asarray(w, np.float64) for w in leaves(params)]
        pasts = [
            [np.asarray(g, np.float64) for g in column] for column in zip(*map(jax.tree.leaves, grads), strict=True)
        ]
        want = [row.oracle(w, gs, 0.05, decay) for w, gs in zip(exact, pasts, strict=True)]
        tolerance = 20 * STEPS * row.amplification * float(np.finfo(dtype).eps)
        for (point, kept), w in zip(got, want, strict=True):
            y, x = w if isinstance(w, tuple) else (w, w)
            np.testing.assert_allclose(point, y, rtol=tolerance, atol=tolerance)
            np.testing.assert_allclose(kept, x, rtol=tolerance, atol=tolerance)


TARGET = {"w": np.array([[0.7, -0.3, 0.2], [-0.5, 1.1, 0.4]], np.float32), "b": np.array([0.5, -1.0, 2.0], np.float32)}


def quadratic(params):
    """A bowl with curvatures from 0.5 to 2 about a known optimum."""
    distance = jax.tree.map(lambda p, t: p - t, params, TARGET)
    return sum(0.5 * jnp.sum(jnp.linspace(0.5, 2.0, d.size).reshape(d.shape) * d * d) for d in leaves(distance))


def rosenbrock(params):
    """The banana valley (1 - x)^2 + 100 (y - x^2)^2 in three pairs, the rows of w."""
    x, y = params["w"]
    return jnp.sum((1 - x) ** 2 + 100 * (y - x * x) ** 2) + jnp.sum(params["b"] ** 2)


@functools.partial(jax.jit, static_argnums=(0, 1, 3))
def descend(optimizer, loss, start, steps):
    def step(state, _):
        return optimizer.update(state, jax.grad(loss)(optimizer.params(state)))[0], None

    return optim.solution(optimizer, jax.lax.scan(step, optimizer.init(start), None, steps)[0])


START = {"w": np.full((2, 3), 0.1, np.float32), "b": np.full(3, 0.1, np.float32)}


@rows
def test_it_reaches_the_optimum_of_a_quadratic(row):
    given: dict[str, Any] = {"learning_rate": optim.cosine(row.rate, 1500)}
    if row.make is optim.muon:
        given["otherwise"] = optim.adam(optim.cosine(0.03, 1500))
    optimizer = fresh(row.make, **given)
    reached = descend(optimizer, quadratic, START, 1500)
    chex.assert_trees_all_close(reached, TARGET, atol=1e-2)


@rows
def test_it_descends_the_valley_of_rosenbrock(row):
    rate = row.rate / 1000 if row.oracle in (oracles.sgd, oracles.momentum, oracles.nesterov) else row.rate / 30
    reached = descend(fresh(row.make, learning_rate=rate), rosenbrock, START, 500)
    assert rosenbrock(reached) < 0.8 * rosenbrock(START)


@rows
def test_ascent_is_descent_of_the_negative(row):
    up, down = (fresh(row.make, learning_rate=0.05, maximize=maximize) for maximize in (True, False))
    params, grads = random_tree(0, np.float32), random_grads(np.float32, 2)
    climbing, falling, high, low = up.init(params), down.init(params), None, None
    for g in grads:
        climbing, high = up.update(climbing, g)
        falling, low = down.update(falling, jax.tree.map(jnp.negative, g))
    chex.assert_trees_all_equal(high, low)
    assert any(np.any(a != b) for a, b in zip(leaves(high), leaves(params), strict=True))


@pytest.mark.parametrize("dtype", [jnp.bfloat16, jnp.float32, jnp.float64], ids=lambda d: d.__name__)
@rows
def test_structure_shape_and_dtype_are_stable(row, dtype):
    with jax.enable_x64(dtype == jnp.float64):
        optimizer = row.make(learning_rate=optim.warmup(0.1, 3))
        params = jax.tree.map(lambda p: p.astype(dtype), random_tree(0, np.float32))

        def program(params, grads):
            state = optimizer.init(params)
            state = jax.lax.cond(True, lambda s: optimizer.update(s, grads)[0], lambda s: s, state)
            state, at = jax.lax.scan(lambda s, _: optimizer.update(s, grads), state, None, length=2)
            return jax.tree.map(lambda a: a[-1], at), optimizer.params(state), optim.solution(optimizer, state)

        for tree in jax.eval_shape(program, params, params):
            chex.assert_trees_all_equal_shapes_and_dtypes(tree, params)


@rows
def test_jit_is_eager_and_donation_is_safe_and_nothing_is_traced_twice(row):
    optimizer = row.make(learning_rate=0.05)
    params, grads = random_tree(0, np.float32), random_grads(np.float32, 3)
    kept = jax.tree.map(np.array, params)
    chex.clear_trace_counter()
    update = jax.jit(chex.assert_max_traces(optimizer.update, n=1), donate_argnums=0)
    state, eager = optimizer.init(params), optimizer.init(params)
    returned = []
    for g in grads:
        given = state
        state, at = update(given, g)
        assert all(x.is_deleted() for x in leaves(given))
        returned.append((at, jax.tree.map(np.array, at)))
        eager, eager_at = optimizer.update(eager, g)
        tolerance = 20 * row.amplification * float(np.finfo(np.float32).eps)
        chex.assert_trees_all_close(at, eager_at, rtol=tolerance, atol=tolerance)
    for at, copied in returned:
        chex.assert_trees_all_equal(at, copied)
    chex.assert_trees_all_equal(params, kept)


@rows
def test_params_returned_eagerly_survive_a_donation(row):
    optimizer = row.make(learning_rate=0.05)
    grads = random_tree(1, np.float32)
    state, at = optimizer.update(optimizer.init(random_tree(0, np.float32)), grads)
    pointers = {x.unsafe_buffer_pointer() for x in leaves(state)}
    assert not pointers & {x.unsafe_buffer_pointer() for x in leaves(at)}


@rows
def test_hyper_parameters_may_be_schedules(row):
    """Every parameter annotated Hyper takes a constant schedule, and it is the number."""
    parameters = inspect.signature(row.make).parameters
    numbers = {name: p.default for name, p in parameters.items() if p.annotation == optim.Hyper and p.default}
    numbers |= {"learning_rate": 0.05, "weight_decay": 0.1}
    params, grads = random_tree(0, np.float32), random_grads(np.float32, 2)

    def run(given):
        optimizer = row.make(**given)
        state, at, update = optimizer.init(params), params, jax.jit(optimizer.update)
        for g in grads:
            state, at = update(state, g)
        return at

    scheduled = run({name: optim.constant(value) for name, value in numbers.items()})
    # a scheduled beta is rounded to float32 before 1 - beta is taken: eps / (1 - 0.999)
    tolerance = 1000 * row.amplification * float(np.finfo(np.float32).eps)
    chex.assert_trees_all_close(scheduled, run(numbers), rtol=tolerance, atol=tolerance)


@rows
def test_the_rate_may_be_traced(row):
    params, grads = random_tree(0, np.float32), random_tree(1, np.float32)

    def first(rate):
        optimizer = fresh(row.make, learning_rate=rate)
        return optimizer.update(optimizer.init(params), grads)[1]

    chex.assert_trees_all_equal_shapes_and_dtypes(jax.eval_shape(first, 0.05), params)


@rows
def test_bad_hyper_parameters_are_named(row):
    with pytest.raises(ValueError, match=r"learning_rate is -0\.1.*maximize=True"):
        row.make(learning_rate=-0.1)
    with pytest.raises(ValueError, match="learning_rate is nan"):
        row.make(learning_rate=float("nan"))
    with pytest.raises(ValueError, match=r"weight_decay is -1"):
        row.make(weight_decay=-1)
    names = inspect.signature(row.make).parameters
    for name in {"mu", "beta", "beta1", "beta2", "rho", "alpha", "momentum"} & set(names):
        for value in (1.0, -0.1):
            with pytest.raises(ValueError, match=f"{name} is {value}"):
                row.make(**{name: value})
    if "eps" in names:
        with pytest.raises(ValueError, match="eps is -1"):
            row.make(eps=-1)


def test_the_worked_update_of_the_lectures():
    """w5+ = 0.4 - 0.5 * 0.082167041 = 0.35891648."""
    optimizer = optim.sgd(0.5)
    _, w5 = optimizer.update(optimizer.init({"w5": jnp.float32(0.4)}), {"w5": jnp.float32(0.082167041)})
    np.testing.assert_allclose(w5["w5"], 0.35891648, rtol=2 * float(np.finfo(np.float32).eps))


def test_nesterov_follows_a_momentum_schedule_exactly():
    """The stored point is W + mu V with the momentum of the step to come, also while mu changes."""
    mu, eta = optim.momentum_switch(3), 0.1
    optimizer = optim.nesterov(eta, mu)
    state, W, V = optimizer.init(2.0), 2.0, 0.0
    for step in range(6):
        looking_from = W + float(mu(step)) * V
        np.testing.assert_allclose(optimizer.params(state), looking_from, rtol=1e-6)
        V = float(mu(step)) * V - eta * looking_from  # the gradient of w^2 / 2
        W = W + V
        state, _ = optimizer.update(state, optimizer.params(state))


def test_schedule_free_weighs_by_the_squared_rate():
    """With a rate that starts at zero the average still begins at the first iterate that moves."""
    optimizer = optim.schedule_free_adamw(optim.piecewise((1, 2), (0.0, 0.1, 0.2)), beta2=0.0, eps=0.0)
    state = optimizer.init(1.0)
    for _ in range(3):
        state, _ = optimizer.update(state, 1.0)
    z1, z2 = 1 - 0.1, 1 - 0.3
    np.testing.assert_allclose(optim.solution(optimizer, state), (0.01 * z1 + 0.04 * z2) / 0.05, rtol=1e-6)


@pytest.mark.parametrize("name", ["lars", "lamb"])
def test_a_weight_at_zero_can_leave_it(name):
    optimizer = getattr(optim, name)(0.1)
    _, at = optimizer.update(optimizer.init(jnp.zeros(3)), jnp.ones(3))
    assert np.all(at < 0)
    _, at = optimizer.update(optimizer.init(jnp.ones(3)), jnp.zeros(3))
    assert np.all(np.isfinite(at))


def test_adafactor_keeps_a_row_and_a_column_of_a_matrix():
    state = optim.adafactor().init({"w": jnp.ones((7, 5, 3)), "b": jnp.ones(3)})
    shapes = jax.tree.map(jnp.shape, {"R": state.R, "C": state.C, "V": state.V})
    assert shapes == {"R": {"w": (7, 5, 1), "b": None}, "C": {"w": (7, 1, 3), "b": None}, "V": {"w": None, "b": (3,)}}


def test_muon_takes_matrices_and_leaves_the_rest_to_another():
    optimizer = optim.muon(0.02, otherwise=optim.sgd(0.5))
    kernel = {"conv": jnp.ones((3, 3, 4, 8)), "b": jnp.ones(8)}
    state, at = optimizer.update(optimizer.init(kernel), kernel)
    assert [type(part).__name__ for part in state.states] == ["Sgd", "Muon"]
    np.testing.assert_array_equal(at["b"], np.full(8, 0.5, np.float32))


def test_orthogonalise_brings_singular_values_near_one(getkey):
    for shape in ((6, 9), (9, 6), (5, 5)):
        s = np.linalg.svd(np.asarray(optim.orthogonalise(jax.random.normal(getkey(), shape))), compute_uv=False)
        assert np.all((s > 0.6) & (s < 1.3))
