"""The suite runs strict: no silent promotion of dtypes or ranks, warnings are errors, shapes are checked."""

import gc
import itertools
import os
from pathlib import Path

os.environ.setdefault("XLA_PYTHON_CLIENT_PREALLOCATE", "false")  # on a GPU, which several workers may share

import jax
import jaxtyping
import pytest
import typecheck

jaxtyping.jaxtyped = typecheck.jaxtyped  # what the hook's code calls
jaxtyping.install_import_hook("fnn", "typecheck.checked")  # fnn imports its parts on first use: all pass here

jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_numpy_rank_promotion", "raise")
jax.config.update("jax_num_cpu_devices", 8)  # for what is sharded; all else runs on the first
gc.set_threshold(200_000, 50, 100)  # traced programs make a large heap; looking through it took a fifth of the time
# What XLA compiled in an earlier run is read from there, if that took it longer than reading and writing do.
jax.config.update("jax_compilation_cache_dir", str(Path(__file__).parent.parent / ".pytest_cache" / "compiled"))
jax.config.update("jax_persistent_cache_min_compile_time_secs", 0.05)


def pytest_addoption(parser):
    parser.addoption("--deep", action="store_true", help="run the tests marked deep too: hours, by hand")


CONFORMANCE = Path(__file__).parent / "conformance"

# Compiling is most of the suite's time, and code that is not optimised compiles in half of it. What is asked of the
# numbers is the same; with --deep, and in the benchmarks, which compare before they time, code is what users get.
UNOPTIMISED = (
    "--xla_backend_optimization_level=0 --xla_cpu_use_fusion_emitters=false --xla_cpu_parallel_codegen_split_count=1"
)


def pytest_configure(config):
    if not config.getoption("--deep"):
        os.environ["XLA_FLAGS"] = f"{os.environ.get('XLA_FLAGS', '')} {UNOPTIMISED}".strip()
    config.addinivalue_line("markers", "deep: too long for each push; run by pytest --deep")


def pytest_collection_modifyitems(config, items):
    if not config.getoption("--deep"):
        deep = [item for item in items if item.get_closest_marker("deep")]
        config.hook.pytest_deselected(items=deep)
        items[:] = [item for item in items if not item.get_closest_marker("deep")]
    _put_rows_together(items)


def _put_rows_together(items):
    """Ask what is asked of one row of a table of conformance in a row: what was compiled for it is then at hand."""
    places = [place for place, item in enumerate(items) if item.path.is_relative_to(CONFORMANCE)]
    first: dict[str, int] = {}
    rows = []
    for place in places:
        callspec = getattr(items[place], "callspec", None)
        name = None if callspec is None else callspec.params.get("name")
        rows.append((first.setdefault(name, place) if isinstance(name, str) else place, place))
    together = [items[place] for _, place in sorted(rows)]
    for place, item in zip(places, together, strict=True):
        items[place] = item


@pytest.fixture
def getkey():
    """Return a function that gives a new key at each call."""
    counter = itertools.count()
    return lambda: jax.random.fold_in(jax.random.key(2026), next(counter))


@pytest.fixture
def without_run_time_checks():
    """Meet fnn as a user does: the run-time checks of annotations would answer before it does."""
    before = jaxtyping.config.jaxtyping_disable
    jaxtyping.config.update("jaxtyping_disable", True)
    yield
    jaxtyping.config.update("jaxtyping_disable", before)
