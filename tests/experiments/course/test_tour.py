"""The notebook that walks through the course: it leaves no experiment out, is stored clean, and runs."""

from pathlib import Path

import nbformat
import pytest
from nbclient import NotebookClient

import experiments.course

FOLDER = Path(experiments.course.__file__).parent
FOUNDATION = {"__init__", "lecture"}


@pytest.fixture
def tour():
    return nbformat.read(FOLDER / "tour.ipynb", as_version=4)


def test_it_walks_through_every_experiment(tour):
    text = "\n".join(cell.source for cell in tour.cells)
    names = {path.stem for path in FOLDER.glob("*.py")} - FOUNDATION
    assert not [name for name in sorted(names) if name not in text]


def test_it_is_stored_small_and_without_outputs(tour):
    code = [cell for cell in tour.cells if cell.cell_type == "code"]
    assert not any(cell.outputs or cell.execution_count for cell in code)
    assert (FOLDER / "tour.ipynb").stat().st_size < 60_000


def test_it_runs_from_its_own_folder_and_shows_pictures(tour, monkeypatch):
    # The kernel is another process: it finds what an earlier run compiled where this one does.
    monkeypatch.setenv("JAX_COMPILATION_CACHE_DIR", str(FOLDER.parents[1] / ".pytest_cache" / "compiled"))
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_COMPILE_TIME_SECS", "0")
    monkeypatch.setenv("JAX_PERSISTENT_CACHE_MIN_ENTRY_SIZE_BYTES", "-1")
    client = NotebookClient(tour, timeout=120, kernel_name="python3", resources={"metadata": {"path": str(FOLDER)}})
    client.execute()
    outputs = [output for cell in tour.cells if cell.cell_type == "code" for output in cell.outputs]
    shown = [kind for output in outputs for kind in output.get("data", {})]
    assert shown.count("image/png") >= 25 and shown.count("image/svg+xml") >= 5
