"""The command line: ``python -m experiments NAME [flags]``. Here stands the list of what there is.

An experiment is one module with a frozen dataclass of settings, whose fields are its flags, and a function
``run(settings) -> metrics``. Only the one that is asked for is imported, so the list is quick.
"""

import ast
import difflib
import importlib.util
import re
import sys
from pathlib import Path
from typing import NamedTuple


class Experiment(NamedTuple):
    """An entry of the list: where the experiment is, what it shows and how long it takes on two cores."""

    module: str
    settings: str
    shows: str
    takes: str


def found(folder: str, prefix: str) -> dict[str, Experiment]:
    """Return the experiments of a folder, a file each: what its docstring's first line and "Wall time" say."""
    experiments = {}
    for path in sorted((Path(__file__).parent / folder).glob("*.py")):
        text = ast.get_docstring(ast.parse(path.read_text())) or ""
        name = f"{prefix}{path.stem}"
        if f"python -m experiments {name}\n" in text:
            shows, takes = text.splitlines()[0].rstrip("."), re.search(r"Wall time: ([^,.]*)", text)
            experiments[name] = Experiment(
                f"experiments.{folder}.{path.stem}", "Settings", shows, takes[1] if takes else ""
            )
    return experiments


EXPERIMENTS = {
    "digits": Experiment("experiments.course.digits", "Digits", "Learn 8x8 handwritten digits, no download", "8 s"),
    "mnist": Experiment("experiments.course.mnist", "Mnist", "The lectures' two networks on MNIST or Fashion", "10 s"),
    **found("vision", ""),
    **found("language", ""),
    "bench": Experiment("experiments.benchmarks.bench", "Bench", "Speed and memory against plain JAX", "20 s"),
    "bench_vision": Experiment("experiments.benchmarks.vision", "Vision", "Speed of the rules for images", "3 min"),
    "bench_sequences": Experiment(
        "experiments.benchmarks.sequences", "Sequences", "Speed of the rules for sequences", "3 min"
    ),
    "gallery": Experiment("experiments.gallery", "Gallery", "Make the pictures of the README's index", "5 min"),
    **found("course", "course."),
}

PACKAGES = ("jax", "tyro", "rich", "matplotlib", "tensorboardX", "sklearn")


def main(arguments: list[str]) -> int:
    """Run the experiment that the arguments name; return the exit code."""
    if not arguments or arguments[0] in ("-h", "--help"):
        print(listing(), file=sys.stdout if arguments else sys.stderr)
        return 0 if arguments else 2
    name, *flags = arguments
    if name not in EXPERIMENTS:
        print(f"error: {unknown(name)}", file=sys.stderr)
        return 2
    if missing := [package for package in PACKAGES if importlib.util.find_spec(package) is None]:
        print(f'error: {", ".join(missing)} missing; pip install "fnn[experiments]".', file=sys.stderr)
        return 2
    try:
        from experiments.runner import run

        module, settings, shows, _ = EXPERIMENTS[name]
        return run(name, module, settings, shows, flags)
    except KeyboardInterrupt:
        print("interrupted before there was anything to keep.", file=sys.stderr)
        return 130


def listing() -> str:
    """Return the text that `--help` prints."""
    width = max(map(len, EXPERIMENTS))
    shows = max(len(experiment.shows) for experiment in EXPERIMENTS.values())
    lines = [f"  {name:<{width}}  {e.shows:<{shows}}  {e.takes}" for name, e in EXPERIMENTS.items()]
    return "\n".join(
        [
            "usage: python -m experiments NAME [flags]",
            "",
            *lines,
            "",
            "python -m experiments NAME --help shows the flags. Plots and metrics go to runs/NAME, or to --out FOLDER.",
        ]
    )


def unknown(name: str) -> str:
    """Return the sentence that says there is no such experiment, and which there are."""
    close = difflib.get_close_matches(name, EXPERIMENTS, n=1)
    hint = f"Did you mean {close[0]}? " if close else ""
    return f"there is no experiment {name!r}. {hint}There are: {', '.join(EXPERIMENTS)}."


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
