"""The suite runs strict: no silent promotion of dtypes or ranks, warnings are errors, shapes are checked."""

from jaxtyping import install_import_hook

with install_import_hook("fnn", "typecheck.checked"):
    import fnn  # noqa: F401

import itertools

import jax
import pytest

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 8)  # for what is sharded; all else runs on the first


def pytest_addoption(parser):
    parser.addoption("--deep", action="store_true", help="the long profile: every case in every property, all mutants")


@pytest.fixture
def getkey():
    """Return a function that gives a new key at each call."""
    counter = itertools.count()
    return lambda: jax.random.fold_in(jax.random.key(2026), next(counter))
