"""The functions that take an optimizer and return one: the algebra of each."""

from typing import Any

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import optim

EPS = float(np.finfo(np.float32).eps)
PARAMS = {"w": np.arange(6, dtype=np.float32).reshape(2, 3) / 7 - 0.3, "b": np.array([0.2, -0.4, 0.9], np.float32)}


def random_like(seed, scale=1.0):
    rng = np.random.default_rng(seed)
    return {name: (scale * rng.normal(size=p.shape)).astype(np.float32) for name, p in PARAMS.items()}


def run(optimizer, grads, params=PARAMS):
    state, at = optimizer.init(params), params
    for g in grads:
        state, at = optimizer.update(state, g)
    chex.assert_trees_all_equal(at, optimizer.params(state))
    return state, at


def test_clip_by_value():
    _, at = run(optim.clip_by_value(optim.sgd(1.0), 0.5), [random_like(1)])
    want = {name: p - np.clip(random_like(1)[name], -0.5, 0.5) for name, p in PARAMS.items()}
    chex.assert_trees_all_close(at, want, rtol=2 * EPS)


@pytest.mark.parametrize("scale", [0.01, 10.0])
def test_clip_by_norm_and_by_global_norm(scale):
    g = random_like(1, scale)
    norms = {name: np.linalg.norm(x) for name, x in g.items()}
    whole = np.sqrt(sum(norm**2 for norm in norms.values()))
    _, each = run(optim.clip_by_norm(optim.sgd(1.0), 0.7), [g])
    _, all_ = run(optim.clip_by_global_norm(optim.sgd(1.0), 0.7), [g])
    for name, p in PARAMS.items():
        np.testing.assert_allclose(each[name], p - g[name] * min(1, 0.7 / norms[name]), rtol=8 * EPS, atol=8 * EPS)
        np.testing.assert_allclose(all_[name], p - g[name] * min(1, 0.7 / whole), rtol=8 * EPS, atol=8 * EPS)
    np.testing.assert_allclose(optim.global_norm(g), whole, rtol=4 * EPS)


@pytest.mark.parametrize("clip", [optim.clip_by_norm, optim.clip_by_global_norm])
def test_norms_at_zero_at_not_a_number_and_in_narrow_dtypes(clip):
    optimizer = clip(optim.sgd(1.0), 1.0)
    _, at = run(optimizer, [jax.tree.map(np.zeros_like, PARAMS)])
    chex.assert_trees_all_equal(at, PARAMS)
    _, at = run(optimizer, [jax.tree.map(lambda p: np.full_like(p, np.nan), PARAMS)])
    assert np.all(np.isnan(at["w"]))
    # 300^2 overflows float16, and 10000 squares of 2^-12 are lost in its sum
    for size, value in ((4, 300.0), (10000, 2.0**-5)):
        _, at = run(optimizer, [jnp.full(size, value, jnp.float16)], jnp.zeros(size, jnp.float16))
        np.testing.assert_allclose(at, np.full(size, -1 / np.sqrt(size)), rtol=2 * float(np.finfo(np.float16).eps))


def test_the_global_norm_of_nothing_is_zero():
    assert optim.global_norm(()) == 0


@pytest.mark.parametrize("clip", [optim.clip_by_value, optim.clip_by_norm, optim.clip_by_global_norm])
def test_a_limit_is_positive(clip):
    for limit in (0.0, -1.0, float("nan")):
        with pytest.raises(ValueError, match="limit is"):
            clip(optim.sgd(), limit)


def test_coupled_and_decoupled_decay_agree_for_sgd_alone():
    grads = [random_like(1), random_like(2)]
    _, coupled = run(optim.coupled_weight_decay(optim.sgd(0.1), 0.3), grads)
    _, decoupled = run(optim.sgd(0.1, weight_decay=0.3), grads)
    chex.assert_trees_all_close(coupled, decoupled, rtol=8 * EPS, atol=8 * EPS)
    _, coupled = run(optim.coupled_weight_decay(optim.adam(0.1), 0.3), grads)
    _, decoupled = run(optim.adam(0.1, weight_decay=0.3), grads)
    assert np.max(np.abs(coupled["w"] - decoupled["w"])) > 1e-3


def test_coupled_decay_follows_its_schedule():
    optimizer = optim.coupled_weight_decay(optim.sgd(1.0), optim.piecewise((1,), (0.0, 0.5)))
    state = optimizer.init(2.0)
    for want in (2.0, 1.0, 0.5):
        state, w = optimizer.update(state, 0.0)
        assert w == want


def test_accumulation_equals_one_step_on_the_joined_batch():
    x, y = np.random.default_rng(0).normal(size=(2, 12)).astype(np.float32)

    def gradient(w, part):
        return jax.grad(lambda w: jnp.mean((w * x[part] - y[part]) ** 2))(w)

    small, large = optim.accumulate(optim.adam(0.1), 3), optim.adam(0.1)
    state, reference = small.init(0.5), large.init(0.5)
    for _ in range(2):
        before = small.params(state)
        for i in range(3):
            chex.assert_trees_all_equal(small.params(state), before)
            state, _ = small.update(state, gradient(small.params(state), slice(4 * i, 4 * i + 4)))
        reference, w = large.update(reference, gradient(large.params(reference), slice(0, 12)))
        np.testing.assert_allclose(small.params(state), w, rtol=16 * EPS)
    assert state.state.step == 2 and state.count == 0
    with pytest.raises(ValueError, match="steps is 0"):
        optim.accumulate(optim.sgd(), 0)


@pytest.mark.parametrize("decay", [None, 0.0, 0.9])
def test_the_average_is_the_weighted_mean_of_the_iterates(decay):
    optimizer, plain = optim.average(optim.momentum(0.1), decay), optim.momentum(0.1)
    state, bare, iterates = optimizer.init(PARAMS), plain.init(PARAMS), []
    chex.assert_trees_all_equal(optim.solution(optimizer, state), PARAMS)
    for step in range(5):
        state, at = optimizer.update(state, random_like(step))
        bare, same = plain.update(bare, random_like(step))
        chex.assert_trees_all_equal(at, same)
        iterates.append(at)
        weights = np.array([1.0 if decay is None else decay ** (step - k) for k in range(step + 1)])
        for name in PARAMS:
            want = np.average([w[name] for w in iterates], axis=0, weights=weights)
            got = optim.solution(optimizer, state)[name]
            np.testing.assert_allclose(got, want, rtol=32 * EPS, atol=32 * EPS)
    with pytest.raises(ValueError, match=r"decay is 1\.5"):
        optim.average(optim.sgd(), 1.5)


def test_each_leaf_has_its_own_optimizer():
    fast, slow = optim.sgd(1.0), optim.momentum(0.01)
    seen = []

    def choose(path, leaf):
        seen.append((path, leaf.shape, leaf.dtype))
        return fast if path == "w" else slow

    grads = [random_like(1), random_like(2)]
    state, at = run(optim.by_leaf(choose), grads)
    chex.assert_trees_all_equal(at, {"w": run(fast, grads)[1]["w"], "b": run(slow, grads)[1]["b"]})
    assert set(seen) == {("w", (2, 3), np.dtype(np.float32)), ("b", (3,), np.dtype(np.float32))}
    assert [type(part).__name__ for part in state.states] == ["Momentum", "Sgd"]
    assert len(jax.tree.leaves(state)) == 5  # two steps, two parameters, one velocity


def test_a_choice_that_is_no_optimizer_is_named():
    rate: Any = 0.1
    with pytest.raises(TypeError, match="choose returned a float for the leaf b"):
        optim.by_leaf(lambda path, leaf: rate).init(PARAMS)


def test_two_states_of_one_by_leaf_have_one_structure():
    optimizer = optim.by_leaf(lambda path, leaf: optim.adam(1e-3))
    assert jax.tree.structure(optimizer.init(PARAMS)) == jax.tree.structure(optimizer.init(PARAMS))


def test_frozen_leaves_stay_and_have_no_slots():
    optimizer = optim.freeze(optim.adam(0.1), lambda path, leaf: path != "w")
    params = PARAMS | {"count": np.int32(3)}
    grads = random_like(1) | {"b": None, "count": np.zeros((), jax.dtypes.float0)}
    state, at = optimizer.update(optimizer.init(params), grads)
    chex.assert_trees_all_equal({"b": at["b"], "count": at["count"]}, {"b": PARAMS["b"], "count": np.int32(3)})
    chex.assert_trees_all_equal(at["w"], run(optim.adam(0.1), [random_like(1)])[1]["w"])
    assert len(jax.tree.leaves(state)) == 2 + 4  # what is frozen, and step, w, m, v


def test_rates_by_fan_in():
    params = {"conv": jnp.ones((3, 3, 4, 8)), "w": jnp.ones((16, 2)), "b": jnp.ones(2), "scale": jnp.ones(())}
    optimizer = optim.fan_in_scaled(optim.sgd, optim.piecewise((1,), (0.6, 1.2)))
    state, at = run(optimizer, [params], params)
    rates = {"conv": 0.6 / 6, "w": 0.6 / 4, "b": 0.6, "scale": 0.6}
    for name, rate in rates.items():
        np.testing.assert_allclose(at[name], np.full(params[name].shape, 1 - rate), rtol=4 * EPS)
    assert len(state.states) == 3  # one for each fan-in
    with pytest.raises(ValueError, match="maximize=True"):
        optim.fan_in_scaled(optim.sgd, -1.0)


def test_the_master_copy_gathers_steps_too_small_for_the_narrow_dtype():
    optimizer = optim.mixed_precision(optim.sgd(1e-3), jnp.bfloat16)
    state = optimizer.init(jnp.ones(2))
    at = optimizer.params(state)
    for _ in range(10):
        state, at = optimizer.update(state, jnp.ones(2, jnp.bfloat16))
    assert at.dtype == optimizer.params(state).dtype == optim.solution(optimizer, state).dtype == jnp.bfloat16
    np.testing.assert_allclose(state.params, [0.99, 0.99], rtol=10 * EPS)
    with pytest.raises(TypeError, match="has dtype float32; wanted the parameter's dtype bfloat16"):
        optimizer.update(state, jnp.ones(2))
    with pytest.raises(TypeError, match="dtype is int32"):
        optim.mixed_precision(optim.sgd(), jnp.int32)


def test_compositions_compose():
    """Averaged, clipped, accumulated AdamW with frozen biases on a float32 master, in one scan."""
    inner = optim.freeze(optim.adamw(optim.warmup(0.1, 2)), lambda path, leaf: leaf.ndim < 2)
    optimizer = optim.mixed_precision(optim.average(optim.clip_by_global_norm(optim.accumulate(inner, 2), 1.0)))
    state = optimizer.init(PARAMS)

    def step(state, key):
        grads = jax.tree.map(lambda w: jax.random.normal(key, w.shape, w.dtype), optimizer.params(state))
        return optimizer.update(state, grads)[0], None

    state, _ = jax.lax.scan(step, state, jax.random.split(jax.random.key(0), 6))
    kept = optim.solution(optimizer, state)
    chex.assert_trees_all_equal(kept["b"], jnp.asarray(PARAMS["b"], jnp.bfloat16))
    assert np.all(np.isfinite(kept["w"])) and np.any(kept["w"] != optimizer.params(state)["w"])
