"""Tables as aligned text: names on the left, numbers on the right."""

from collections.abc import Sequence


def table(
    heads: Sequence[str], rows: Sequence[Sequence[str | int]], total: Sequence[str | int], *, names: int = 2
) -> str:
    """Return rows and, under a line, their total; the first `names` columns are flush left, numbers have commas.

    >>> print(table(("layer", "bytes"), [("dense", 1200)], ("total", 1200), names=1))
    layer  bytes
    ------------
    dense  1,200
    ------------
    total  1,200
    """
    lines = [[f"{cell:,}" if isinstance(cell, int) else cell for cell in row] for row in (heads, *rows, total)]
    widths = [max(map(len, column)) for column in zip(*lines, strict=True)]
    rule = "-" * (sum(widths) + 2 * (len(widths) - 1))

    def text(line: Sequence[str]) -> str:
        cells = [
            cell.ljust(w) if i < names else cell.rjust(w) for i, (cell, w) in enumerate(zip(line, widths, strict=True))
        ]
        return "  ".join(cells).rstrip()

    return "\n".join([text(lines[0]), rule, *map(text, lines[1:-1]), rule, text(lines[-1])])
