import jax.numpy as jnp
import numpy as np
import pytest

from fnn.optim import at
from fnn.optim.hyper import bias_correction, is_zero, require_fractions, require_rates


def test_a_number_stays_a_python_float():
    for number in (1, 0.5, np.float64(0.5), np.float32(0.5), np.int64(1)):
        assert type(at(number, 3)) is float
    assert at(jnp.float32(0.5), 3).dtype == jnp.float32
    assert at(lambda step: step, 3).dtype == jnp.float32


@pytest.mark.parametrize("beta", [0.0, 0.5, 0.9, 0.999, 0.999999])
@pytest.mark.parametrize("t", [1, 2, 10, 1000])
def test_bias_correction_keeps_its_digits_in_float32(beta, t):
    want = (1 - beta) * np.sum(beta ** np.arange(t))
    np.testing.assert_allclose(bias_correction(beta, jnp.float32(t)), want, rtol=4 * float(np.finfo(np.float32).eps))


def test_bias_correction_of_a_scheduled_beta():
    np.testing.assert_allclose(bias_correction(jnp.float32(0.5), jnp.float32(3)), 0.875, rtol=1e-6)
    assert bias_correction(jnp.float32(0.0), jnp.float32(3)) == 1


def test_numbers_are_judged_and_schedules_are_not():
    require_rates(a=0, b=1e9, c=lambda step: -1, d=jnp.float32(0.1))
    require_fractions(a=0, b=0.999, c=lambda step: 2)
    for bad in (-1, float("inf"), float("nan")):
        with pytest.raises(ValueError, match=r"decay is .*wanted a finite number"):
            require_rates(decay=bad)
    for bad in (-0.1, 1, float("nan")):
        with pytest.raises(ValueError, match=r"beta is .*wanted a number in \[0, 1\)"):
            require_fractions(beta=bad)


def test_only_the_number_zero_is_zero():
    assert is_zero(0) and is_zero(0.0) and is_zero(np.float32(0))
    assert not is_zero(1e-9) and not is_zero(lambda step: 0.0) and not is_zero(jnp.float32(0))
