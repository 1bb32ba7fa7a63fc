"""The CTC loss at its edges: what has no alignment, no labels, no frames, and what no label or length may be."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules
from fnn.rules.losses.ctc import _check

DRAW = np.random.default_rng(0)
LOGITS = jnp.asarray(DRAW.normal(size=(4, 5, 3)), jnp.float32)
LABELS = jnp.array([[1, 2, 1], [2, 2, 2], [1, 1, 2], [1, 0, 0]])  # the second row takes five frames, all it has
ONE = jax.jit(jax.value_and_grad(lambda z, *rest: rules.ctc(z, *rest, reduction="sum")))
EACH = jax.jit(lambda z, *rest: rules.ctc(z, *rest, reduction="none"))


def given(logit_lengths=(5, 5, 5, 5), label_lengths=(3, 3, 3, 1)):
    return None, jnp.array(logit_lengths), jnp.array(label_lengths)


def test_one_alignment_alone():
    log_p = jax.nn.log_softmax(LOGITS[1])
    wanted = -(log_p[jnp.arange(5), jnp.array([2, 0, 2, 0, 2])]).sum()
    np.testing.assert_allclose(EACH(LOGITS, LABELS, *given())[1], wanted, rtol=1e-6)


def test_no_labels_are_all_blanks():
    value = EACH(LOGITS, LABELS, *given(label_lengths=(0, 3, 0, 0)))
    blanks = -jax.nn.log_softmax(LOGITS)[..., 0].sum(1)
    np.testing.assert_allclose(value[jnp.array([0, 2, 3])], blanks[jnp.array([0, 2, 3])], rtol=1e-6)
    np.testing.assert_allclose(EACH(LOGITS, LABELS[:, :0]), blanks, rtol=1e-6)


def test_what_has_no_alignment_costs_infinity_and_has_no_gradient():
    rest = given(logit_lengths=(2, 4, 5, 0), label_lengths=(3, 3, 3, 1))
    assert jnp.isinf(EACH(LOGITS, LABELS, *rest)).tolist() == [True, True, False, True]
    value, dz = ONE(LOGITS, LABELS, *rest)
    assert value == jnp.inf and not dz[jnp.array([0, 1, 3])].any() and jnp.isfinite(dz).all() and dz[2].any()
    finite = jax.jit(partial(rules.ctc, reduction="none", zero_infinity=True))(LOGITS, LABELS, *rest)
    np.testing.assert_array_equal(finite, jnp.where(jnp.arange(4) == 2, EACH(LOGITS, LABELS, *rest), 0))


def test_a_label_of_logit_minus_infinity_cannot_be_said():
    masked = LOGITS.at[:, :, 2].set(-jnp.inf)
    value, dz = ONE(masked, LABELS, *given(label_lengths=(1, 3, 2, 1)))
    assert value == jnp.inf and jnp.isfinite(dz).all() and not dz[1].any() and not dz[..., 2].any() and dz[0].any()


def test_what_stands_behind_the_lengths_does_not_matter():
    rest = given(logit_lengths=(3, 5, 4, 0), label_lengths=(2, 3, 1, 0))
    behind = jnp.arange(5)[None, :] >= rest[1][:, None]
    spoiled = jnp.where(behind[..., None], jnp.nan, LOGITS)
    labels = jnp.where(jnp.arange(3)[None] < rest[2][:, None], LABELS, -7)
    want, got = ONE(LOGITS, LABELS, *rest), ONE(spoiled, labels, *rest)
    np.testing.assert_array_equal(got[0], want[0])
    np.testing.assert_array_equal(got[1], want[1])
    assert not jnp.where(behind[..., None], got[1], 0).any()
    np.testing.assert_allclose(got[1].sum(-1), 0, atol=1e-6)
    assert float(EACH(LOGITS, LABELS, *rest)[3]) == 0  # nothing is said in no time, for certain


def test_far_from_underflow():
    """A thousand frames, far from sure: the probability is e^-20000, and the gradient's rows sum to 0."""
    z = jnp.asarray(DRAW.normal(size=(1, 1000, 6)) * 20, jnp.float32)
    labels = jnp.asarray(DRAW.integers(1, 6, size=(1, 200)))
    value, dz = jax.jit(jax.value_and_grad(rules.ctc))(z, labels)
    with jax.enable_x64(True):
        want, wanted = jax.jit(jax.value_and_grad(rules.ctc.plain))(jnp.asarray(np.asarray(z), jnp.float64), labels)
    assert 10_000 < float(value)
    np.testing.assert_allclose(value, want, rtol=1e-5)
    np.testing.assert_allclose(dz, wanted, atol=2e-3)
    np.testing.assert_allclose(dz.sum(-1), 0, atol=2e-6)


def test_a_label_or_length_that_cannot_be_is_nan_under_jit():
    for labels, rest in (
        (LABELS.at[0, 1].set(3), given()),
        (LABELS.at[0, 1].set(0), given()),
        (LABELS.at[0, 1].set(-1), given()),
        (LABELS, given(logit_lengths=(6, 5, 5, 5))),
        (LABELS, given(label_lengths=(-1, 3, 3, 1))),
    ):
        assert jnp.isnan(EACH(LOGITS, labels, *rest)).tolist() == [True, False, False, False]
        assert not ONE(LOGITS, labels, *rest)[1][0].any()


@pytest.mark.parametrize(
    ("logits", "labels", "rest", "options", "message"),
    [
        (LOGITS[:, :0], LABELS, (), {}, "without a frame; wanted a time of 1 or more"),
        (LOGITS, LABELS, (), {"blank": 3}, r"blank = 3, wanted one of the 3 classes of the logits, 0\.\.2"),
        (LOGITS, LABELS, (), {"blank": -1}, "blank = -1"),
        (LOGITS, LABELS, (), {}, "label 0 of row 3 at place 1, wanted a class 0..2 other than the blank, 0; padding"),
        (LOGITS, LABELS.at[2, 1].set(3), given(), {}, "label 3 of row 2 at place 1"),
        (LOGITS, LABELS, given(logit_lengths=(5, 6, 5, 5)), {}, r"logit_lengths of row 1 is 6, wanted 0\.\.5"),
        (LOGITS, LABELS, given(label_lengths=(3, 3, 3, -1)), {}, r"label_lengths of row 3 is -1, wanted 0\.\.3"),
    ],
)
def test_bad_input_is_one_sentence(logits, labels, rest, options, message):
    with pytest.raises(ValueError, match=f"ctc: .*{message}"):
        rules.ctc(logits, labels, *rest, **options)


def test_shapes_that_do_not_fit():
    for logits, labels, lengths, message in (
        (LOGITS[0], LABELS, None, r"logits have shape \(5, 3\) and labels \(4, 3\), wanted \(batch, time, classes\)"),
        (LOGITS, LABELS[:3], None, r"labels \(3, 3\), wanted"),
        (LOGITS, LABELS, jnp.array([5, 5]), r"logit_lengths are int32 of shape \(2,\), wanted integers \(4,\)"),
        (LOGITS, LOGITS[0, :, 0], None, r"labels \(5,\)"),
        (LOGITS, LOGITS[:, 0], None, "labels are float32, wanted integers"),
    ):
        with pytest.raises(ValueError, match=message):  # behind the suite's type checker
            _check(logits, labels, lengths, None, 0)


def test_it_agrees_with_torch():
    torch = pytest.importorskip("torch")
    rest = given(logit_lengths=(5, 5, 3, 2), label_lengths=(2, 3, 1, 0))
    value, dz = ONE(LOGITS, LABELS, *rest)
    z = torch.tensor(np.asarray(LOGITS), requires_grad=True)
    lengths = [torch.tensor(np.asarray(lengths)) for lengths in rest[1:]]
    log_p = torch.log_softmax(z, -1).transpose(0, 1)
    loss = torch.nn.functional.ctc_loss(log_p, torch.tensor(np.asarray(LABELS)), *lengths, reduction="sum")
    loss.backward()
    np.testing.assert_allclose(value, loss.detach().numpy(), rtol=1e-5)
    np.testing.assert_allclose(dz, z.grad.numpy(), atol=1e-5)
