"""Mixture of experts: it is the dense sum of the chosen experts, drops what finds no place, and balances."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fnn
from fnn import layers, rules
from fnn.layers import LayerError

X = jax.random.normal(jax.random.key(0), (2, 5, 4))


def moved(params):
    draw = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: leaf + 0.5 * jnp.asarray(draw.normal(size=leaf.shape), leaf.dtype), params)


def dense_sum(params, x, k, normalise):
    """Every expert on every token, weighted by what the softmax says, the others by 0."""
    p = jax.nn.softmax(x @ params.router, -1)
    kept = jnp.where(p >= jnp.sort(p, -1)[..., -k, None], p, 0.0)
    weights = kept / kept.sum(-1, keepdims=True) if normalise else kept
    outputs = jnp.einsum("btf,efo->bteo", x, params.experts.w) + params.experts.b[None, None]
    return (weights[..., None] * outputs).sum(2)


@pytest.mark.parametrize(("k", "normalise"), [(2, True), (1, False)])
def test_without_drops_it_is_the_dense_sum_of_the_chosen(k, normalise):
    net = layers.mixture_of_experts(layers.dense(3), 3, k=k, capacity_factor=None, normalise=normalise)
    params, state = net.init(jax.random.key(1), X)
    params = moved(params)

    def both(params, x):
        with fnn.autodiff():
            want = jax.vjp(lambda p, x: dense_sum(p, x, k, normalise), params, x)
        got = jax.vjp(lambda p, x: net.apply(p, state, x)[0], params, x)
        return [(y, pull(jnp.cos(y))) for y, pull in (got, want)]

    got, want = jax.jit(both)(params, X)
    jax.tree.map(lambda g, w: np.testing.assert_allclose(g, w, rtol=2e-5, atol=2e-6), got, want)


def test_a_token_that_finds_no_place_is_zero():
    net = layers.mixture_of_experts(layers.dense(3), 2, k=1, capacity_factor=1.0)
    params, state = net.init(jax.random.key(1), X)
    all_to_the_first = params._replace(router=jnp.zeros((4, 2)))  # of equals the first
    y, state = net.apply(all_to_the_first, state, X)
    assert y.reshape(10, 3).any(-1).tolist() == [True] * 5 + [False] * 5
    assert float(state.balance) == 1.0  # the probabilities are equal, though the choices are not


def test_the_balance_loss_reaches_the_router_and_evens_its_choices():
    net = layers.mixture_of_experts(layers.dense(3, bias=False), 4, k=1)
    x = jax.random.normal(jax.random.key(2), (64, 4)) + 1
    params, state = net.init(jax.random.key(1), x)
    params = params._replace(router=jnp.zeros((4, 4)).at[:, 2].set(1.0))

    def balance(params):
        return net.apply(params, state, x, train=True)[1].balance

    def step(params, _):
        value, slope = jax.value_and_grad(balance)(params)
        return jax.tree.map(lambda p, g: p - g, params, slope), value

    values = jax.jit(lambda params: jax.lax.scan(step, params, None, 100)[1])(params)
    assert values[0] > 2 and values[-1] < 1.2


def test_ties_go_to_the_lower_number_in_order_of_weight():
    weights, experts = rules.route(jnp.array([[1.0, 3.0, 3.0, 1.0]]), k=3)
    assert experts.tolist() == [[1, 2, 0]] and weights[0, 0] == weights[0, 1] > weights[0, 2]


def test_first_choices_are_placed_before_second_ones():
    x, experts = jnp.array([[1.0], [2.0], [3.0]]), jnp.array([[0, 1], [1, 0], [0, 1]])
    buffers = rules.dispatch(x, experts, num_experts=2, capacity=2)
    assert buffers[..., 0].tolist() == [[1.0, 3.0], [2.0, 1.0]]


def test_no_pass_scatters_a_sum():
    experts, weights = jnp.array([[0, 1], [1, 0]]), jnp.ones((2, 2))

    def there_and_back(x, weights):
        return rules.combine(rules.dispatch(x, experts, num_experts=2, capacity=2), weights, experts).sum()

    assert "scatter-add" not in str(jax.make_jaxpr(jax.grad(there_and_back, (0, 1)))(jnp.ones((2, 3)), weights))


def test_errors_of_the_layer():
    with pytest.raises(ValueError, match="experts = 2, k = 3, wanted 1 <= k <= experts"):
        layers.mixture_of_experts(layers.dense(3), 2, k=3)
    with pytest.raises(ValueError, match="capacity_factor = 0, wanted a positive number"):
        layers.mixture_of_experts(layers.dense(3), 2, capacity_factor=0)
    net = layers.mixture_of_experts(layers.parallel(layers.dense(3), layers.dense(3)), 2)
    params, state = net.init(jax.random.key(0), X)
    with pytest.raises(LayerError, match=r"^mixture_of_experts: an expert gives .* wanted"):
        net.apply(params, state, X)
