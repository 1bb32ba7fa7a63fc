"""The recurrent network of characters: shapes, parts of a text in a row, padding, and rules alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import check, layers, models, rules

KEY = jax.random.key(0)
IDS = jnp.asarray(np.random.default_rng(0).integers(0, 7, (3, 6)))


@pytest.mark.parametrize(
    ("options", "count"),
    [
        # the embedding, a cell's two products and one bias, or two, and the head
        ({"cell": layers.rnn}, 7 * 4 + (2 * 16 + 4) + (4 * 7 + 7)),
        ({"cell": layers.lstm, "depth": 2}, 7 * 4 + 2 * (2 * 64 + 16) + (4 * 7 + 7)),
    ],
)
def test_parameters_and_logits(options, count):
    net = models.char_rnn(7, width=4, **options)
    params, state = jax.eval_shape(net.init, KEY, IDS)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == count
    assert jax.eval_shape(net.apply, params, state, IDS)[0].shape == (3, 6, 7)


def test_parts_in_a_row_with_carry_are_the_whole():
    whole, parts = (models.char_rnn(7, width=4, depth=2, carry=carry) for carry in (False, True))
    params, nothing = whole.init(KEY, IDS)
    fresh = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), jax.eval_shape(parts.init, KEY, IDS)[1])
    want, _ = whole.apply(params, nothing, IDS)
    first, state = parts.apply(params, fresh, IDS[:, :2])
    rest, _ = parts.apply(params, state, IDS[:, 2:])
    np.testing.assert_allclose(jnp.concatenate([first, rest], 1), want, atol=1e-6)


def test_padding_changes_no_logits_before_it():
    net = models.char_rnn(7, width=4)
    params, state = net.init(KEY, IDS)
    want, _ = net.apply(params, state, IDS)
    got, _ = net.apply(params, state, layers.Padded(IDS.at[1, 4:].set(0), jnp.asarray([6, 4, 6])))
    np.testing.assert_array_equal(got.lengths, [6, 4, 6])
    np.testing.assert_allclose(got.x[1, :4], want[1, :4], atol=1e-6)
    np.testing.assert_allclose(got.x[2], want[2], atol=1e-6)


def test_every_gradient_is_a_rule():
    net = models.char_rnn(7, width=4, depth=2, dropout=0.2)
    params, state = jax.eval_shape(net.init, KEY, IDS)

    def loss(params, ids, key):
        logits, _ = net.apply(params, state, ids, key=key, train=True)
        return rules.softmax_cross_entropy(logits, ids)

    found = check.autodiffed(loss, params, IDS, KEY)
    assert not found.differentiated, f"{found}"


def test_sizes_that_make_no_sense():
    with pytest.raises(ValueError, match="char_rnn: vocabulary = 7, width = 4, depth = 0, wanted at least 1 of each"):
        models.char_rnn(7, width=4, depth=0)
