"""Hypotheses about values: each looks at entries one by one, and so can be asked of some entries of an array alone.

Each says how the sentence "it ..." goes on, or "" when it does not fit.
"""

import math
from collections.abc import Callable, Iterator

import numpy as np

from fnn.check.diagnosis.evidence import CHANCE, Evidence, broadcasts, lengths, near, slack, terms


def zero(e: Evidence) -> str:
    """It is zero: the formula was never written, or was cut off on its way."""
    got, want = map(np.abs, e.seen)
    telling = np.count_nonzero(want)
    if not telling or got.max() > slack(e.eps) * np.median(want[want > 0]):
        return ""
    if got.any() and slack(e.eps) ** telling > CHANCE:
        return ""
    return f"is zero{e.everywhere}" + (": the cotangent is missing" if e.everywhere else "")


def sign(e: Evidence) -> str:
    """It is -1 times what is wanted."""
    got, want = e.seen
    return f"has the wrong sign{e.everywhere}" if e.equal(got, -want) else ""


def telling_factor(e: Evidence) -> str:
    """It is 2 times or 1/2 of what is wanted, or the factor is made of the length of an axis."""
    got, want = e.seen
    if e.equal(got, ratio(got, want) * want):
        for factor, text in _factors(e):
            if e.equal(got, factor * want):
                return f"is {text}"
            if e.equal(got, -factor * want):
                return f"is minus {text}"
    return ""


def _factors(e: Evidence) -> Iterator[tuple[float, str]]:
    owners = [(n, f"the wanted value, {n} being {owner}") for n, owner in lengths(e)]
    for n, because in owners:
        yield n, f"{n} times {because}: a sum where a mean is wanted?"
        yield 1 / n, f"1/{n} of {because}: a mean where a sum is wanted?"
    yield 2, "2 times the wanted value: counted twice?"
    yield 1 / 2, "1/2 of the wanted value: one of two equal terms left out?"
    for n, because in owners:
        yield n / max(n - 1, 1), f"{n}/{n - 1} of {because}: divided by {n - 1} instead of {n}?"
        yield (n - 1) / n, f"{n - 1}/{n} of {because}: divided by {n} instead of {n - 1}?"
        yield math.sqrt(n), f"sqrt({n}) times {because}"
        yield 1 / math.sqrt(n), f"1/sqrt({n}) of {because}"


def another(e: Evidence) -> str:
    """It is what another argument wants."""
    got, _ = e.seen
    for name, array in e.others.items():
        if array.shape == e.want.shape:
            if e.equal(got, e.entries(array)):
                return f"is what {name} wants: swapped?"
            if e.equal(got, -e.entries(array)):
                return f"is minus what {name} wants: swapped?"
    return ""


def named_factor(e: Evidence) -> str:
    """A factor is left out, or one too many: a known array, its square, or 1 minus it."""
    got, want = e.seen
    for name, array in e.named.items():
        if not broadcasts(array, e.want):
            continue
        for text, factor in ((name, array), (f"{name}**2", array**2), (f"(1 - {name})", 1 - array)):
            factor = e.entries(factor)
            for turned, but in ((got, ""), (-got, ", and has the wrong sign")):
                if e.equal(turned * factor, want):
                    return f"lacks the factor {text}{but}"
                if e.equal(turned, want * factor):
                    return f"is the wanted value times {text}{but}"
    return ""


def term(e: Evidence) -> str:
    """It is some other formula of what is known."""
    got, _ = e.seen
    for text, array in terms(e):
        if e.equal(got, e.entries(array)):
            return f"is {text}"
        if e.equal(got, -e.entries(array)):
            return f"is minus {text}"
    return ""


def missing_term(e: Evidence) -> str:
    """A term is left out, or added that should not be."""
    got, want = e.seen
    for text, array in terms(e):
        if e.equal(got, want - e.entries(array)):
            return f"lacks the term {text}"
        if e.equal(got, want + e.entries(array)):
            return f"has the term {text} too much"
    return ""


def level(e: Evidence) -> str:
    """It is one number in every entry, or that number and its negative."""
    got, _ = e.seen
    size = float(np.median(np.abs(got)))
    if not e.equal(np.abs(got), np.full_like(got, size), parameters=1):
        return ""
    signs = sorted(set(np.sign(got).tolist()), reverse=True)
    return "is " + " or ".join(number(sign * size) for sign in signs) + e.everywhere


def factor(e: Evidence) -> str:
    """It is some number times what is wanted."""
    got, want = e.seen
    times = ratio(got, want)
    return f"is {number(times)} times the wanted value" if e.equal(got, times * want, parameters=1) else ""


def offset(e: Evidence) -> str:
    """It is what is wanted plus some number."""
    got, want = e.seen
    more = float(np.median(got - want))
    if not e.equal(got, want + more, parameters=1):
        return ""
    return f"is the wanted value {'minus' if more < 0 else 'plus'} {number(abs(more))}"


def function(e: Evidence) -> str:
    """It is the absolute value, the square, the root or the reciprocal of what is wanted."""
    got, want = e.seen
    functions = {"absolute value": np.abs, "square": np.square, "square root": np.sqrt, "reciprocal": np.reciprocal}
    for text, of in functions.items():
        if e.equal(got, of(want)):
            return f"is the {text} of the wanted value"
    return ""


def unwanted(e: Evidence) -> str:
    """It should be zero."""
    return f"should be zero{e.everywhere}" if not e.seen[1].any() else ""


def ratio(got: np.ndarray, want: np.ndarray) -> float:
    """Return the median of got / want where want is not 0; NaN where there is no such entry."""
    told = want != 0
    return float(np.median(got[told] / want[told])) if told.any() else math.nan


def number(x: float) -> str:
    """Return a number in few digits, yet never one that is nearly 1 as 1."""
    return text if (text := f"{x:.5g}") != "1" or x == 1 else f"(1 {'+' if x > 1 else '-'} {abs(x - 1):.2g})"


def digits(e: Evidence) -> str:
    """It is right to a few digits: rounded to a narrower dtype on the way, or short of a small term."""
    got, want = e.seen
    far = ~near(got, want, e.eps)
    size = np.abs(want)
    large = size > 0.1 * np.median(size[size > 0]) if want.any() else size > 0
    errors = np.abs(got - want)[large] / size[large]
    largest = errors.max() if errors.size else math.inf
    if not (largest < 0.03 and largest**errors.size <= CHANCE and far.mean() >= 0.5):
        return ""
    right = f"is right to {math.floor(-math.log10(largest))} digits only"
    over, grown = (got > want)[far].mean(), (np.abs(got) > size)[far].mean()
    for name, bits in NARROWER.items():
        rounded = largest / 2.0 ** -(bits + 1)  # 1 for a single rounding, more for several, less for a rounded part
        if 2.0**-bits > 16 * e.eps and 1 / 8 <= rounded < 8 and 0.1 < over < 0.9 and 0.1 < grown < 0.9:
            return f"{right}, as if rounded to {name} on the way"
    return f"{right}: a small term, such as an eps, left out or added?"


NARROWER = {"bfloat16": 7, "float16": 10, "float32": 23}
"""The bits of the fraction."""

Hypothesis = Callable[[Evidence], str]

PLAIN: tuple[Hypothesis, ...] = (zero, sign, telling_factor, another)
FORMULAS: tuple[Hypothesis, ...] = (
    named_factor,
    term,
    missing_term,
    factor,
    level,
    offset,
    function,
    unwanted,
    digits,
)
