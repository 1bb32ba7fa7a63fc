"""One step: pure, donated at will, and what it asks of a loss."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from tiny_training import ADAM, KEY, NET, TRAIN, line, loss

from fnn import layers, optim, train
from fnn.data import Examples

BATCH = Examples(*(leaf[:5] for leaf in TRAIN))


def begin(optimizer=ADAM):
    params, model = NET.init(jax.random.key(0), TRAIN.x)
    return params, train.start(optimizer, params, model, KEY)


def assert_equal(got, want):
    jax.tree.map(np.testing.assert_array_equal, *(jax.tree.map(as_data, tree) for tree in (got, want)))


def as_data(leaf):
    return jax.random.key_data(leaf) if jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key) else leaf


def test_a_step_is_pure():
    _, state = begin()
    before = jax.tree.map(lambda leaf: np.array(as_data(leaf)), state)
    step = jax.jit(train.step(loss, ADAM))
    first, again = step(state, BATCH), step(state, BATCH)
    assert_equal(first, again)
    assert_equal(state, before)
    assert int(first[0].number) == 1 and set(first[1]) == {"loss", "accuracy"}


@pytest.mark.parametrize("optimizer", (ADAM, optim.average(optim.momentum(0.1))), ids=("adam", "average"))
def test_the_state_can_be_donated_again_and_again(optimizer):
    params, state = begin(optimizer)
    step = jax.jit(train.step(loss, optimizer), donate_argnums=0)
    plain = jax.jit(train.step(loss, optimizer))
    kept, wanted = plain(state, BATCH)
    for _ in range(2):
        kept, wanted = plain(kept, BATCH)
    metrics = {}
    for _ in range(3):
        before = state
        state, metrics = step(before, BATCH)
        # The key passes through unchanged, so the caller's own leaf is donated too; `start` made a copy of it.
        assert all(leaf.is_deleted() for leaf in jax.tree.leaves(before))
    np.testing.assert_allclose(metrics["loss"], wanted["loss"], rtol=1e-5)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((params, KEY)))
    for got, want in zip(
        *map(jax.tree.leaves, (optimizer.params(state.optimizer), optimizer.params(kept.optimizer))), strict=True
    ):
        np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-5)


def test_steps_of_gradient_descent_by_hand():
    net, squares = line()
    x, t = TRAIN.x[:6], TRAIN.x[:6].sum(1)
    params, model = net.init(KEY, x)
    optimizer = optim.sgd(0.1)
    state, step = train.start(optimizer, params, model, KEY), jax.jit(train.step(squares, optimizer))
    w = np.zeros(4)
    for number in range(3):
        error = x @ w - t
        state, metrics = step(state, Examples(x, t))
        np.testing.assert_allclose(metrics["loss"], (error**2).mean() / 2, rtol=1e-5)
        w -= 0.1 * x.T @ error / len(x)
        np.testing.assert_allclose(optimizer.params(state.optimizer).w[:, 0], w, rtol=1e-5, atol=1e-6)
        assert int(state.number) == number + 1


def test_step_t_draws_from_the_key_folded_with_t():
    def tell(params, state, batch, key):
        return 0.0 * params.w.sum(), (state, {"drawn": jax.random.uniform(key)})

    net, _ = line()
    params, model = net.init(KEY, TRAIN.x)
    state = train.start(optim.sgd(0.1), params, model, KEY)
    for number in range(3):
        state, metrics = train.step(tell, optim.sgd(0.1))(state, BATCH)
        assert metrics["drawn"] == jax.random.uniform(jax.random.fold_in(KEY, number))


def test_the_start_shares_no_buffer_with_the_arguments():
    params, model = NET.init(jax.random.key(0), TRAIN.x)
    model = (jnp.ones(3), model)
    state = train.start(optim.sgd(0.1), params, model, KEY)
    jax.jit(lambda s: jax.tree.map(lambda leaf: leaf, s), donate_argnums=0)(state)
    assert not any(leaf.is_deleted() for leaf in jax.tree.leaves((params, model, KEY)))


def test_integer_boolean_and_half_precision_metrics_are_summed_as_numbers():
    net, squares = line()

    def told(params, state, batch, key):
        value, (state, _) = squares(params, state, batch, key)
        kinds = {
            "count": jnp.asarray(batch.x.shape[0], jnp.int32),
            "large": batch.x.shape[0] > 3,
            "true": jnp.bool_(True),
            "half": jnp.asarray(1.0078125, jnp.bfloat16),  # 1 + 2^-7: a sum in bfloat16 would lose it
            "python": 2.5,
        }
        return value.astype(jnp.bfloat16), (state, kinds)

    data = Examples(TRAIN.x, TRAIN.x[:, 0])
    result = train.fit(net, told, optim.sgd(0.0), data, epochs=1, batch_size=5, key=KEY, progress=False)
    row = result.history.rows[0]
    assert row["count"] == pytest.approx((4 * 5 * 5 + 2 * 2) / 22)  # each batch counts by its share of the examples
    assert row["large"] == pytest.approx(20 / 22) and row["true"] == pytest.approx(1.0)
    assert row["half"] == pytest.approx(1.0078125) and row["python"] == pytest.approx(2.5)
    np.testing.assert_allclose(row["loss"], (data.y**2).mean() / 2, rtol=2**-7)  # bfloat16's own rounding


WRONG = {
    "scalar alone": (lambda value, state: value, TypeError, "wanted (scalar, (state, metrics))"),
    "metrics alone": (lambda value, state: (value, {}), TypeError, "wanted (scalar, (state, metrics))"),
    "no scalar": (lambda value, state: (value * jnp.ones(3), (state, {})), ValueError, "the loss has shape (3,)"),
    "no dict": (lambda value, state: (value, (state, 1.0)), TypeError, "metrics are a float, wanted a dict"),
    "a second loss": (lambda value, state: (value, (state, {"loss": value})), TypeError, 'without the name "loss"'),
    "a metric that is an array": (
        lambda value, state: (value, (state, {"wrong": jnp.ones(3)})),
        ValueError,
        "the metric 'wrong' has shape (3,), wanted a scalar",
    ),
    "another state": (
        lambda value, state: (value, ((), {})),
        TypeError,
        "the loss returned a state of another structure",
    ),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
def test_a_wrong_loss_is_told_before_anything_runs(wrong):
    returned, error, words = wrong
    net = layers.serial(layers.dense(1))
    params, model = net.init(KEY, TRAIN.x)

    def wrong_loss(params, state, batch, key):
        return returned(params[0].w.sum(), state)

    state = train.start(ADAM, params, model, KEY)
    with pytest.raises(error) as raised:
        jax.eval_shape(train.step(wrong_loss, ADAM), state, BATCH)
    assert words in str(raised.value)
