"""The house stands as CONTRIBUTING.md says: imports go down the floors, rooms are small, one file knows custom_vjp."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent

# A package may import from packages that stand before it in this list, from itself, and from its own floor.
FLOORS = (
    ("fnn.kernels", "fnn.rule"),
    ("fnn.rules", "fnn.initializers"),
    ("fnn.layers", "fnn.optim", "fnn.check", "fnn.pytest_plugin"),
    ("fnn.models", "fnn.inspect", "fnn.data"),
    ("fnn.train",),
    ("experiments",),
)
CORE = {"jax", "jaxlib", "numpy", "chex", "jaxtyping", "fnn"}
PLUGINS = ("fnn.pytest_plugin", "fnn.check.plugin")  # only pytest loads them


def sources():
    """Yield (dotted name, path) of every source file, kernels under their installed name."""
    for folder, package in (("kernels", "fnn.kernels"), ("fnn", "fnn"), ("experiments", "experiments")):
        for path in sorted((ROOT / folder).rglob("*.py")):
            relative = path.relative_to(ROOT / folder)
            if folder == "fnn" and relative.parts[0] == "kernels":
                continue
            names = [*package.split("."), *relative.with_suffix("").parts]
            yield ".".join(name for name in names if name != "__init__"), path


SOURCES = dict(sources())


def imports(path: Path, *, top_level_only: bool = False) -> set[str]:
    """Return the dotted names that a file imports."""
    tree = ast.parse(path.read_text())
    found: set[str] = set()
    for node in tree.body if top_level_only else ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            found |= {f"{node.module}.{alias.name}" for alias in node.names}
    return found


def floor(name: str) -> int | None:
    """Return the number of the floor that a dotted name stands on; None for the package's own front door."""
    for number, packages in enumerate(FLOORS):
        if any(name == package or name.startswith(package + ".") for package in packages):
            return number
    return None


@pytest.mark.parametrize("name", SOURCES)
def test_imports_go_down(name):
    own = floor(name)
    if own is None:
        assert name == "fnn"
        return
    for imported in imports(SOURCES[name]):
        other = floor(imported)
        assert other is None or other <= own, f"{name} imports {imported}, which stands on a floor above it"


@pytest.mark.parametrize("name", SOURCES)
def test_rooms_are_small(name):
    lines = len(SOURCES[name].read_text().splitlines())
    assert lines <= 400, f"{SOURCES[name]} has {lines} lines: a family that wants splitting"


@pytest.mark.parametrize("name", [name for name in SOURCES if name.startswith("fnn")])
def test_core_imports_the_core_alone(name):
    packages = {imported.split(".")[0] for imported in imports(SOURCES[name], top_level_only=True)}
    assert packages <= CORE | set(sys.stdlib_module_names) | ({"pytest"} if name in PLUGINS else set())


def test_one_file_names_custom_vjp():
    """And the checker, which checks anyone's."""
    named = [name for name, path in SOURCES.items() if "custom_vjp" in path.read_text()]
    assert [name for name in named if not name.startswith("fnn.check")] == ["fnn.rule"]


def test_importing_fnn_loads_no_extra():
    program = (
        "import sys, fnn; [getattr(fnn, name) for name in dir(fnn) if name[0] != '_' and name != 'pytest_plugin'];"
        "extras = {'matplotlib', 'rich', 'tyro', 'tensorboardX', 'sklearn', 'optax', 'flax', 'torch', 'safetensors'};"
        "print(sorted(extras & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stdout.strip() == "[]"


def test_the_quick_start_is_two_commands():
    blocks = (ROOT / "README.md").read_text().split("```sh\n")[1:]
    commands = [block.split("```")[0].strip().splitlines() for block in blocks]
    assert len(commands) == 2 and all(len(lines) == 1 for lines in commands)
