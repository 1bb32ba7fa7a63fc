"""Every schedule is its formula in float64, on Python, NumPy and traced steps, and is traced once."""

import chex
import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimizers_table import SCHEDULES


@pytest.mark.parametrize(("schedule", "formula"), SCHEDULES.values(), ids=SCHEDULES.keys())
def test_it_is_its_formula(schedule, formula):
    steps = np.arange(70, dtype=np.int32)
    want = np.array([formula(int(step)) for step in steps])
    got = jax.jit(jax.vmap(schedule))(steps)
    assert got.dtype == jnp.float32
    # a power or a cosine of a rounded fraction: a few roundings of the largest value
    tolerance = 16 * float(np.finfo(np.float32).eps)
    np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance * np.max(np.abs(want)))
    for step in (0, np.int64(13), np.int32(69), jnp.int32(20)):
        value = schedule(step)
        assert value.shape == () and value.dtype == jnp.float32
        np.testing.assert_allclose(value, want[step], rtol=tolerance, atol=tolerance * np.max(np.abs(want)))
    with jax.enable_x64(True):
        assert schedule(jnp.int32(3)).dtype == jnp.float64


@pytest.mark.parametrize("schedule", [schedule for schedule, _ in SCHEDULES.values()], ids=SCHEDULES.keys())
def test_it_is_traced_once(schedule):
    chex.clear_trace_counter()
    traced = jax.jit(chex.assert_max_traces(schedule, n=1))
    for step in (0, 7, 69):
        np.testing.assert_allclose(traced(jnp.int32(step)), schedule(step), rtol=1e-5, atol=1e-8)
