"""Check every rule of a package from the command line, or prove the checker on their mutants.

    python -m fnn.check                          a line for each rule of fnn.rules, the report of each that fails
    python -m fnn.check my_package --rule NAME   one rule of a package
    python -m fnn.check --mutants                wrong versions of every rule: what killed them, and what survived

The arguments of a rule are drawn from its annotations. The exit status is 1 where a rule fails, or a mutant survives.
"""

import argparse
import functools
import json
import math
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

import jax

from fnn.check.devices import ask_for_devices
from fnn.check.drawing.arguments import draw
from fnn.check.mutants.kills import Unfit, verdicts
from fnn.check.mutants.mutant import passes
from fnn.check.mutants.table import surviving, table
from fnn.check.packages import Found, rules_of
from fnn.check.rule import rule as check_rule
from fnn.rule import Rule


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return the exit status."""
    parser = argparse.ArgumentParser(prog="python -m fnn.check", description=(__doc__ or "").split("\n\n")[0])
    parser.add_argument("package", nargs="?", default="fnn.rules", help="a package of rules (default: fnn.rules)")
    parser.add_argument("--rule", metavar="NAME", help="this rule alone")
    parser.add_argument("--mutants", action="store_true", help="check wrong versions of every rule: the kill table")
    parser.add_argument("--json", metavar="FILE", type=Path, help="write the results there too")
    given = parser.parse_args(arguments)
    ask_for_devices()
    rules = _rules(parser, given.package, given.rule)
    results, ok = (_kill if given.mutants else _check)(rules)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))
    return 0 if ok else 1


def _rules(parser: argparse.ArgumentParser, package: str, name: str | None) -> list[Found]:
    found = rules_of(package)
    if len(found) == 1 and found[0].error is not None:
        parser.error(f"package {package}: {found[0].error}")
    if not found:
        parser.error(f"package {package} defines no rule, by @fnn.rule or as a jax.custom_vjp.")
    chosen = [one for one in found if name in (None, one.name)]
    if not chosen:
        parser.error(f"package {package} defines no rule {name!r}, but {', '.join(one.name for one in found)}.")
    return chosen


def _check(rules: list[Found]) -> tuple[list, bool]:
    """Print a line for each rule, and the report of each that fails."""
    results, ok = [], True
    for found in rules:
        name = found.name or found.module
        try:
            function, args, static = _drawn(found)
            report = check_rule(functools.partial(function, **static), *args)
        except ValueError as error:
            print(f"{name}: not checked: {error}")
            results.append({"rule": name, "ok": False, "error": str(error)})
            ok = False
            continue
        ran = sum(outcome.status != "not run" for outcome in report.outcomes)
        print(f"{name}: {'passed' if report.ok else 'FAILED'}, {ran} properties, {report.seconds:.1f} s", flush=True)
        if not report.ok:
            print(report)
        results.append(json.loads(report.json()))
        ok &= report.ok
    return results, ok


def _kill(rules: list[Found]) -> tuple[list, bool]:
    """Print the kill table of the rules; how far it is goes to the standard error."""
    said = []
    for number, found in enumerate(rules, 1):
        name, start = found.name or found.module, time.perf_counter()
        try:
            function, args, static = _drawn(found)
            passes(function)
        except (ValueError, TypeError) as error:
            said.append(Unfit(name, "mutants", str(error)))
            continue
        said += verdicts(cast(Rule, function), args, static)
        jax.clear_caches()  # the programs of thousands of mutants fill gigabytes
        seconds = time.perf_counter() - start
        print(f"{number}/{len(rules)} {name}: {seconds:.0f} s", file=sys.stderr, flush=True)
    print(table(said))
    judged = [one for one in said if not isinstance(one, Unfit)]
    rows = [{key: _plain(value) for key, value in one._asdict().items()} for one in said]
    return rows, len(judged) == len(said) and not surviving(judged)


def _drawn(found: Found) -> tuple[Callable[..., Any], tuple, dict[str, Any]]:
    """Return a rule, and arguments for it drawn from its annotations."""
    if found.function is None:
        raise ValueError(f"the module cannot be imported: {found.error}")
    return found.function, *draw(found.function)


def _plain(value: Any) -> Any:
    """Return a value as JSON has it: infinity as a string."""
    return str(value) if isinstance(value, float) and not math.isfinite(value) else value


if __name__ == "__main__":
    sys.exit(main())
