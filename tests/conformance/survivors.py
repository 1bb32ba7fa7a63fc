"""The mutants of fnn's rules that survive the checker though they change something, each with the reason."""

import re


def without_lines(mutant: str) -> str:
    """Return a mutant's name without its source lines, which move."""
    return re.sub(r" \([\w.?]+(:\d+)?\)", "", mutant)


# (rule, mutant): why no property can tell it from the rule
ARGUED: dict[tuple[str, str], str] = {}
