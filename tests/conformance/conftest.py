"""What is asked of one row of a table is asked in a row: what was compiled for it is at hand, in the same process."""

from pathlib import Path

FOLDER = Path(__file__).parent


def pytest_collection_modifyitems(items):
    """Put the tests of this folder that have the same ``name`` together, where the first of them stands."""
    places = [place for place, item in enumerate(items) if item.path.is_relative_to(FOLDER)]
    first: dict[str, int] = {}
    rows = []
    for place in places:
        callspec = getattr(items[place], "callspec", None)
        name = None if callspec is None else callspec.params.get("name")
        rows.append((first.setdefault(name, place) if isinstance(name, str) else place, place))
    together = [items[place] for _, place in sorted(rows)]
    for place, item in zip(places, together, strict=True):
        items[place] = item
