"""`pytest --rules my_package`: what it finds, checks and says; and that pytest alone does not pay for it."""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import fnn
from fnn.check.plugin import rules_of
from fnn.rule import Rule

ROOT = Path(fnn.__file__).parent.parent

PACKAGE = {
    "grad/__init__.py": "from fnn.rules import tanh\nfrom grad.right import square\n",
    "grad/right.py": """
        from jaxtyping import Array, Float
        from fnn import rule

        @rule
        def square(x: Float[Array, "n"], *, scale: float = 1.0):
            return scale * x * x, x

        @square.backward
        def square_backward(x, dy, *, scale):
            return 2 * scale * x * dy
    """,
    "grad/below/__init__.py": "",
    "grad/below/others.py": """
        import functools
        import jax, jax.numpy as jnp
        from jaxtyping import Array, Float
        from grad.right import square

        @jax.jit
        @jax.custom_vjp
        def sine(x: Float[Array, "n"]):
            return jnp.sin(x)

        sine.__wrapped__.defvjp(lambda x: (jnp.sin(x), x), lambda x, dy: (dy * jnp.sin(x),))

        @jax.custom_vjp
        def bare(x):
            return x

        bare.defvjp(lambda x: (x, ()), lambda saved, dy: (dy,))

        @jax.custom_vjp
        def given(x):
            return x

        given.defvjp(lambda x: (x, ()), lambda saved, dy: (dy,))
    """,
    "grad/below/ignoring.py": """
        from jaxtyping import Array, Float
        from fnn import rule

        @rule
        def scaled(x: Float[Array, "n"], *, scale: float = 1.0):
            return scale * x, ()

        @scaled.backward
        def scaled_backward(saved, dy):
            return dy
    """,
    "grad/below/broken.py": "import no_such_module\n",
    "grad/__main__.py": "raise SystemExit('a test must not run this')\n",
    "conftest.py": """
        import numpy as np

        def pytest_fnn_arguments(rule):
            if rule.__name__ == "given":
                return (np.array([0.3, -0.7]),), {}
    """,
    "test_other.py": "def test_other():\n    assert 'not collected'\n",
}


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    """A project with a package of rules, right and wrong."""
    import textwrap

    folder = tmp_path_factory.mktemp("project")
    for name, text in PACKAGE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(textwrap.dedent(text))
    return folder


def run_pytest(project, *arguments):
    """Run pytest with no plugin but this one."""
    environment = os.environ | {"PYTEST_DISABLE_PLUGIN_AUTOLOAD": "1", "PYTHONPATH": str(ROOT)}
    command = [sys.executable, "-m", "pytest", "-p", "fnn.pytest_plugin", "-p", "no:cacheprovider", *arguments]
    return subprocess.run(command, cwd=project, env=environment, capture_output=True, text=True, timeout=300)


@pytest.fixture(scope="module")
def whole_run(project):
    """What one run over the whole package prints."""
    return run_pytest(project, "--rules", "grad", "-v").stdout


def failure_of(output: str, name: str) -> str:
    """Return the message under the heading of one failed item."""
    rest = output.split(f"{name} __", 1)[1].lstrip("_\n")
    return rest.split("\n___", 1)[0].split("\n===", 1)[0]


def test_each_rule_of_the_package_is_one_item(whole_run):
    for name, outcome in {
        "right::square": "PASSED",
        "below::others::sine": "FAILED",
        "below::others::bare": "FAILED",
        "below::others::given": "PASSED",
        "below::ignoring::scaled": "FAILED",
        "below::broken": "FAILED",
    }.items():
        lines = [line for line in whole_run.splitlines() if line.startswith(f"grad::{name} ")]
        assert len(lines) == 1 and outcome in lines[0], name
    assert "collected 6 items" in whole_run
    assert "4 failed, 2 passed" in whole_run
    assert "tanh" not in whole_run and "test_other" not in whole_run


def test_a_failure_is_the_report_without_a_traceback(whole_run):
    text = failure_of(whole_run, "grad.below.others.sine")
    assert text.startswith("sine(x: float64[4])")
    assert "cotangents       FAILED" in text and "args, static = check.draw(sine)" in text
    assert "Traceback" not in text and "plugin.py" not in text


def test_another_value_of_an_option_is_checked(whole_run):
    text = failure_of(whole_run, "grad.below.ignoring.scaled")
    assert "scale=1.5" in text and "args, static = check.draw(scaled, given={'scale': 1.5})" in text


def test_what_cannot_be_checked_fails_with_the_sentence(whole_run):
    text = failure_of(whole_run, "grad.below.others.bare")
    assert "bare: the argument x has no annotation" in text and "def pytest_fnn_arguments(rule)" in text
    assert "cannot be imported: ModuleNotFoundError" in failure_of(whole_run, "grad.below.broken")


def test_the_tables_of_passed_rules_are_printed_when_verbose(whole_run):
    tables = whole_run.split("== rules ==", 1)[1]
    assert "square(x: float64[4], scale=1.0)" in tables and "given(x: float64[2])" in tables
    assert "sharding         passed" in tables  # the plugin gives JAX eight devices


def test_what_is_no_package_of_rules_is_said(project):
    assert (
        "--rules nothing: it cannot be imported: No module named 'nothing'"
        in run_pytest(project, "--rules", "nothing").stderr
    )
    done = run_pytest(project, "--rules", "json")
    assert "--rules json: no module of it defines a fnn rule or a jax.custom_vjp function" in done.stderr


def test_pytest_alone_does_not_import_jax(project):
    (project / "check_start.py").write_text(
        "def test_start():\n"
        "    import sys\n"
        "    assert 'fnn.pytest_plugin' in sys.modules\n"
        "    assert not {'jax', 'fnn.check', 'fnn.rule'} & set(sys.modules)\n"
    )
    done = run_pytest(project, "check_start.py", "--noconftest", "-q")
    assert "1 passed" in done.stdout, done.stdout


def test_the_entry_point():
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    assert project["entry-points"]["pytest11"] == {"fnn": "fnn.pytest_plugin"}


def test_this_suite_is_type_checked_although_pytest_imports_fnn_first():
    import jaxtyping

    with pytest.raises(jaxtyping.TypeCheckError):
        fnn.optim.adam("a learning rate")  # pyright: ignore[reportArgumentType]


def test_every_rule_of_fnn_is_found_once():
    found = rules_of("fnn")
    assert not [one for one in found if one.error is not None]
    named = {one.name: one for one in found}
    public = [name for name, value in vars(fnn.rules).items() if isinstance(value, Rule)]
    assert set(public) <= set(named) and len(named) == len(found)
    assert named["tanh"].module == "fnn.rules.activations.sigmoids"


def test_the_front_door():
    program = (
        "import sys, fnn\n"
        "assert 'jax' not in sys.modules\n"
        "from fnn.rule import Rule\n"
        "assert callable(fnn.rule), 'the decorator, not the module of its name'\n"
        "import fnn.rules.linear\n"
        "from fnn import layers, rule\n"
        "assert rule is fnn.rule and fnn.Rule is Rule and fnn.rules.tanh and fnn.kernels and fnn.accuracy\n"
        "assert {'rules', 'rule', 'accuracy', 'check'} <= set(dir(fnn))\n"
        "assert not hasattr(fnn, 'nothing')\n"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
