"""GPT: its start, its head, what it keeps, that rules alone make its gradient, and what is refused."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import check, layers, models, rules
from fnn.layers import Padded

KEY = jax.random.key(0)
IDS = jnp.asarray(np.random.default_rng(0).integers(0, 7, (2, 6)))


def gpt(**options):
    return models.gpt(7, 6, **{"depth": 2, "width": 8, "heads": 2, **options})


def loss_of(net, state, head=None):
    def loss(params, key):
        y, _ = net.apply(params, state, IDS[:, :-1], key=key, train=True)
        if head is None:
            return rules.softmax_cross_entropy(y, IDS[:, 1:])
        return rules.linear_cross_entropy(y, head(params), IDS[:, 1:])

    return loss


def test_start_is_that_of_gpt2():
    net = models.gpt(500, 64, depth=8, width=64, heads=2)
    params, state = net.init(KEY, IDS)
    block = jax.tree.map(lambda *leaves: np.stack(leaves), *params.blocks)
    for w, std in (
        (params.embedding.w, 0.02),
        (params.positions.w, 0.02),
        *((block.attention[i].w, 0.02) for i in range(3)),
        (block.up.w, 0.02),
        (block.attention.out.w, 0.005),
        (block.down.w, 0.005),
    ):
        np.testing.assert_allclose(w.std(), std, rtol=0.03)
    assert not any(np.any(b) for b in (*(x.b for x in block.attention), block.up.b, block.down.b))
    assert params.head is None and not jax.tree.leaves(state)
    logits, _ = jax.jit(net.apply)(params, state, IDS)
    assert abs(rules.softmax_cross_entropy(logits, IDS + 100) - np.log(500)) < 0.1


@pytest.mark.parametrize(
    "options", [{"dropout": 0.2}, {"rotary": 1e4, "kv_heads": 1, "window": 2}, {"alibi": True, "tied": False}], ids=str
)
def test_rules_alone_make_the_gradient(options):
    net, features = gpt(**options), gpt(**options, logits=False)
    params, state = jax.eval_shape(net.init, KEY, IDS)
    for loss in (loss_of(net, state), loss_of(features, state, models.gpt_head)):
        found = check.autodiffed(loss, params, KEY)
        assert not found.differentiated, found


def test_the_loss_needs_no_logits():
    net, features = gpt(dropout=0.2), gpt(dropout=0.2, logits=False)
    params, state = net.init(KEY, IDS)
    losses = loss_of(net, state), loss_of(features, state, models.gpt_head)
    want, got = (jax.jit(loss)(params, KEY) for loss in losses)
    np.testing.assert_allclose(got, want, rtol=1e-5)


def test_recomputing_gives_the_same_with_less_memory():
    ids = jnp.zeros((8, 64), int)
    programs, outcomes = [], []
    for recompute in (False, True):
        net = models.gpt(7, 64, depth=6, width=32, heads=2, dropout=0.1, recompute=recompute)
        params, state = net.init(KEY, ids)

        def loss(params, net=net, state=state):
            return rules.mean(rules.square(net.apply(params, state, ids, key=KEY, train=True)[0]))

        programs.append(jax.jit(jax.value_and_grad(loss)).lower(params).compile())
        outcomes.append(programs[-1](params))
    jax.tree.map(lambda a, b: np.testing.assert_allclose(a, b, rtol=1e-4, atol=1e-7), *outcomes)
    assert all(np.any(leaf) for leaf in jax.tree.leaves(outcomes[0][1]))
    saved, again = (program.memory_analysis().temp_size_in_bytes for program in programs)  # pyright: ignore
    assert again < 0.5 * saved


def test_padding_changes_nothing_before_it():
    net = gpt()
    params, state = net.init(KEY, IDS)
    y, _ = net.apply(params, state, Padded(IDS, jnp.array([6, 3])))
    np.testing.assert_allclose(y.x[1, :3], net.apply(params, state, IDS[1:, :3])[0][0], rtol=0, atol=1e-6)


def test_refused():
    net = gpt()
    params, state = net.init(KEY, IDS)
    for ids, message in (
        (jnp.zeros((1, 7), int), r"gpt: ids have shape \(1, 7\), and the context is 6"),
        (IDS[:, :0], r"ids have shape \(2, 0\), .* wanted sequences of 1 to 6"),
        (IDS[0], r"ids have shape \(6,\), wanted integers \(batch, time\)"),
        (IDS.at[1, 2].set(7), r"gpt.embedding: the id at \(1, 2\) is 7, wanted one of 0..6"),
        (IDS.at[0, 0].set(-1), r"the id at \(0, 0\) is -1"),
        (IDS.astype(jnp.float32), "x is float32, wanted one array of integer ids"),
    ):
        with pytest.raises(layers.LayerError, match=message):
            net.apply(params, state, ids)
    with pytest.raises(ValueError, match="heads = 3 do not divide width = 8"):
        gpt(heads=3)
    with pytest.raises(ValueError, match=r"gpt: .*depth = 0"):
        gpt(depth=0)
    with pytest.raises(layers.LayerError, match="needs a key"):
        gpt(dropout=0.1).apply(params, state, IDS, train=True)
