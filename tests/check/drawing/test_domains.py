"""The numbers that are drawn: their domains, their distances, and where functions are tame."""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.check.drawing.domains import (
    DOMAINS,
    GAP,
    above_one,
    apart,
    clear,
    line,
    plain_of,
    positive,
    rows,
    tameness,
    unit,
)
from fnn.rule import rule


@pytest.mark.parametrize("count", [0, 1, 2, 50, 1000])
def test_uniform_numbers_keep_apart(count):
    for seed in range(5):
        u = apart(np.random.default_rng(seed), count)
        assert u.shape == (count,) and ((u > 0) & (u < 1)).all()
        assert count < 2 or np.diff(np.sort(u)).min() >= 1 / (4 * count) * (1 - 1e-9)


def test_a_mean_is_random():
    means = [apart(np.random.default_rng(seed), 12).mean() for seed in range(40)]
    assert 0.02 < np.std(means) < 0.2


@pytest.mark.parametrize("domain", [line, positive, unit])
def test_numbers_keep_clear_of_halves_and_do_not_tie_in_bfloat16(domain):
    for seed in range(20):
        x = domain(apart(np.random.default_rng(seed), 24))
        assert np.abs(2 * x - np.round(2 * x)).min() >= 2 * GAP * (1 - 1e-9)
        assert len(set(np.asarray(x, jnp.bfloat16).tolist())) == 24


def test_domains_are_what_they_say():
    u = apart(np.random.default_rng(0), 600).reshape(20, 30)
    assert (line(u) < 0).any() and (line(u) > 0).any() and 1 < line(u).std() < 2
    assert (positive(u) > 0).all() and (positive(u) > 1).any()
    assert ((unit(u) > 0) & (unit(u) < 1)).all()
    np.testing.assert_allclose(rows(u).sum(-1), 1, rtol=1e-12)
    assert (rows(u) > 0).all() and rows(np.array(0.3)).shape == ()
    assert (above_one(u) > 1).all()
    assert len(DOMAINS) == 5


def test_clear_keeps_the_order():
    x = np.sort(np.random.default_rng(0).normal(size=1000))
    assert (np.diff(clear(x)) > 0).all()
    assert np.abs(clear(x) - x).max() <= GAP


def share(function, *args, **static):
    return tameness(function, args, static)(args, static)


def test_a_share_counts_value_and_gradient():
    x = np.array([4.0, -1.0, 0.0, 1.0])
    assert share(jnp.sin, x) == 1
    assert share(jnp.sqrt, x) == 5 / 8  # sqrt(-1) and both of its slopes, and the slope at 0, are not finite
    assert share(lambda x: 1e5 * x, x) == 1 / 8  # finite, and wild
    assert share(lambda x: {"y": x, "index": jnp.argmax(x)}, x) == 1


def test_what_cannot_be_differentiated_or_traced_counts_by_its_value():
    x = np.array([4.0, -1.0])

    def steps(x):
        return jax.lax.while_loop(lambda y: (y < 10).all(), lambda y: y + 1, x)

    def branches(x):
        return jnp.sqrt(x) if float(x.sum()) > 0 else x

    assert share(steps, x) == 1
    assert share(branches, x) == 0.5
    assert share(lambda x: None + x, x) == 0  # it always raises: nobody knows


def test_a_wrong_backward_has_no_say():
    @rule
    def identity(x):
        return x, ()

    @identity.backward
    def identity_backward(saved, dy):
        return dy * jnp.nan

    @jax.custom_vjp
    def copy(x, scale):
        return scale * x

    copy.defvjp(lambda x, scale: (scale * x, ()), lambda saved, dy: (dy * jnp.nan, dy * jnp.nan))
    x = np.array([0.5, 2.0])
    assert share(identity, x) == share(copy, x, x) == share(functools.partial(copy, scale=2.0), x) == 1
    assert plain_of(jnp.sin) is jnp.sin
