"""The first transformer: what sees what, token by token with a cache, and rules alone."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import check, layers, models, rules

KEY = jax.random.key(0)
DRAW = np.random.default_rng(0)
SOURCE = jnp.asarray(DRAW.integers(0, 6, (2, 5)))
TARGET = jnp.asarray(DRAW.integers(0, 7, (2, 4)))


def small(**options):
    return models.encoder_decoder(6, 7, depth=2, width=8, heads=2, **options)


def start(net):
    """Return parameters far from their start, so that nothing hides behind a 0, and the state."""
    params, state = jax.jit(net.init)(KEY, (SOURCE, TARGET))
    draw = np.random.default_rng(1)
    return jax.tree.map(lambda leaf: leaf + jnp.asarray(0.3 * draw.normal(size=leaf.shape), leaf.dtype), params), state


def logits_of(net):
    params, state = start(net)
    return jax.jit(lambda source, target: net.apply(params, state, (source, target))[0])


def test_the_base_model_of_the_paper():
    """Of the paper's 65 million parameters, the shared vocabulary of 37000 is counted twice here."""
    net = models.encoder_decoder(37_000, 37_000, depth=6, width=512, heads=8)
    params, state = jax.eval_shape(net.init, KEY, (SOURCE, TARGET))
    attention, feed, norm = 4 * (512 * 512 + 512), 2 * 512 * 2048 + 512 + 2048, 2 * 512
    blocks = 6 * (attention + feed + 2 * norm) + 6 * (2 * attention + feed + 3 * norm)
    assert sum(leaf.size for leaf in jax.tree.leaves(params)) == 2 * 37_000 * 512 + blocks
    assert jax.eval_shape(net.apply, params, state, (SOURCE, TARGET))[0].shape == (2, 4, 37_000)


def test_what_sees_what():
    logits = logits_of(small())
    want = logits(SOURCE, TARGET)
    later = logits(SOURCE, TARGET.at[:, 2].add(1) % 7)
    np.testing.assert_array_equal(later[:, :2], want[:, :2])
    assert (abs(later - want)[:, 2:].max(-1) > 1e-3).all()
    read = logits(SOURCE.at[:, 4].add(1) % 6, TARGET)
    assert (abs(read - want).max(-1) > 1e-4).all()
    swapped = logits(SOURCE[:, ::-1], TARGET)
    assert (abs(swapped - want).max(-1) > 1e-4).all()  # positions count


def test_padding_is_seen_by_nothing():
    net = small(norm="pre")
    params, state = start(net)
    apply = jax.jit(lambda x: net.apply(params, state, x)[0])
    lengths = jnp.asarray([5, 3])
    first, other = (
        apply((layers.Padded(SOURCE.at[1, 3:].set(token), lengths), layers.Padded(TARGET, jnp.asarray([4, 2]))))
        for token in (0, 5)
    )
    np.testing.assert_array_equal(first.x, other.x)
    np.testing.assert_array_equal(first.lengths, [4, 2])
    want = apply((SOURCE[1:, :3], TARGET[1:, :2]))
    np.testing.assert_allclose(first.x[1:, :2], want, atol=1e-5)


def test_token_by_token_with_a_cache_is_the_whole():
    plain, cached = small(), small(cache=7)
    params, _ = start(plain)
    got = models.generate(cached, params, TARGET[:, :2], length=6, temperature=0, source=SOURCE)
    ids = np.pad(TARGET[:, :2], ((0, 0), (0, 6)))
    logits = logits_of(plain)
    for place in range(2, 8):
        ids[:, place] = logits(SOURCE, ids)[:, place - 1].argmax(-1)
    np.testing.assert_array_equal(got, ids)


@pytest.mark.parametrize("norm", ["pre", "post"])
def test_every_gradient_is_a_rule(norm):
    net = small(norm=norm, dropout=0.1, recompute=norm == "pre")
    params, state = jax.eval_shape(net.init, KEY, (SOURCE, TARGET))

    def loss(params, source, target, key):
        logits, _ = net.apply(params, state, (source, target), key=key, train=True)
        return rules.softmax_cross_entropy(logits, target)

    found = check.autodiffed(loss, params, SOURCE, TARGET, KEY)
    assert not found.differentiated, f"{found}"


@pytest.mark.parametrize(
    ("x", "message"),
    [
        (SOURCE, r"encoder_decoder: x is a .*, wanted the pair \(source, target\)"),
        ((SOURCE, TARGET[:1]), r"shapes \(2, 5\) and \(1, 4\), wanted ids \(batch, time\) of one batch"),
        ((SOURCE[:, :0], TARGET), r"shapes \(2, 0\) and \(2, 4\).*at least one in each row"),
        ((SOURCE, TARGET.astype(jnp.float32)), "float32, wanted one array of integer ids"),
    ],
    ids=("one sequence", "two batches", "empty", "no ids"),
)
def test_refused(x, message):
    with pytest.raises(layers.LayerError, match=message):
        jax.eval_shape(small().init, KEY, x)


def test_sizes_that_make_no_sense():
    with pytest.raises(ValueError, match="encoder_decoder: source_vocabulary = 0"):
        models.encoder_decoder(0, 7, depth=1, width=8, heads=2)
