"""ResNet: its start, the two switches, and the stride's place."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import layers, models, rules
from fnn.layers.scope import observing

KEY = jax.random.key(0)
X = jnp.asarray(np.random.default_rng(0).normal(size=(4, 8, 8, 3)), jnp.float32)


def small(**options):
    return models.resnet((2, 1), 3, bottleneck=True, width=2, small_images=True, **options)


def test_recompute_gives_the_same_numbers_and_keeps_less():
    params, state = small().init(KEY, X)

    results, kept = [], []
    for recompute in (False, True):
        net = small(recompute=recompute)
        assert jax.tree.structure(net.init(KEY, X)) == jax.tree.structure((params, state))

        def total(params, x, net=net):
            y, new_state = net.apply(params, state, x, train=True)
            return rules.sum(rules.square(y)), new_state

        def pull(params, x, total=total):
            return jax.vjp(total, params, x, has_aux=True)[1]

        results.append(jax.jit(jax.value_and_grad(total, (0, 1), has_aux=True))(params, X))
        kept.append(sum(leaf.size for leaf in jax.tree.leaves(jax.eval_shape(pull, params, X))))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-5), *results)
    assert kept[1] < kept[0] / 2


def test_with_zero_init_each_block_starts_as_its_shortcut():
    net = small(zero_init=True)
    params, _ = net.init(KEY, X)
    body, _ = params[1][1][0]
    assert not body[-1].scale.any() and body[1].scale.all()
    assert all((p.scale == 1).all() for p in jax.tree.leaves(small().init(KEY, X)[0], is_leaf=is_norm) if is_norm(p))
    wide = models.resnet((2,), 3, bottleneck=False, width=4, small_images=True, zero_init=True)
    params, state = wide.init(KEY, X)
    whole, _ = wide.apply(params, state, X)
    without = models.resnet((1,), 3, bottleneck=False, width=4, small_images=True, zero_init=True)
    shorter, _ = without.apply((params[0], params[1][:1], *params[2:]), (state[0], state[1][:1], *state[2:]), X)
    np.testing.assert_array_equal(whole, shorter)


def is_norm(node):
    return isinstance(node, layers.BatchNorm)


@pytest.mark.parametrize(("bottleneck", "strided"), [(False, 0), (True, 1)])
def test_the_stride_is_that_of_the_first_3x3_convolution(bottleneck, strided):
    """v1.5: the way down is not made by a 1x1 convolution that skips three pixels of four."""
    seen = []
    net = models.resnet((1, 1), 3, bottleneck=bottleneck, width=2, small_images=True)
    shapes = jax.eval_shape(net.init, KEY, X)

    def watch(call):
        if call.path.startswith("serial[2]") and ".parallel[0]" in call.path and call.path.endswith("conv"):
            seen.append((call.params.w.shape[0], call.x.shape[1] // call.y.shape[1]))
        return call.y

    with observing(watch):
        jax.eval_shape(net.apply, *shapes, X)
    assert seen[strided] == (3, 2) and [stride for _, stride in seen].count(2) == 1


def test_convolutions_start_by_their_fan_out():
    params, _ = models.resnet((1, 1), 3, bottleneck=False, width=32, small_images=True).init(KEY, X)
    w = params[2][0][0][0][0].w
    assert w.shape == (3, 3, 32, 64)
    assert abs(float(w.std()) * np.sqrt(9 * 64 / 2) - 1) < 5 / np.sqrt(2 * w.size)
