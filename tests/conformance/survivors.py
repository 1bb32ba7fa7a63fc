"""The mutants of fnn's rules that survive the checker though they change something, each with the reason."""

import re


def without_lines(mutant: str) -> str:
    """Return a mutant's name without its source lines, which move."""
    return re.sub(r" \([\w.?]+(:\d+)?\)", "", mutant)


KINK = "At a kink every subgradient is right and this is one; tests/rules/test_edges.py tests the one that is promised."
LOSS_KINK = KINK.replace("test_edges", "test_loss_edges")
SHARED = (
    "At a tie each argument may get any share of the cotangent, and a cotangent is judged alone; that the two shares "
    "are halves is tested in tests/rules/test_edges.py."
)
ACROSS = "Rounding moves an output that equals the bound across it, where the derivative is a subgradient of the kink."
POLE = "The derivative at 0 is infinite, for autodiff too: there is no number to want, and NaN is none either."

# (rule, mutant): why no property tells it from the rule
ARGUED: dict[tuple[str, str], str] = {
    ("ramp", "backward gt#1: ge for gt"): KINK,
    ("ramp", "backward lt#1: le for lt"): KINK,
    ("leaky_relu", "backward gt#1: ge for gt"): KINK,
    ("elu", "backward gt#1: ge for gt"): KINK,
    ("selu", "backward gt#1: ge for gt"): KINK,
    ("prelu", "backward gt#1: ge for gt"): KINK,
    ("hard_tanh", "backward gt#1: ge for gt"): KINK,
    ("hard_tanh", "backward lt#1: le for lt"): KINK,
    ("hard_tanh", "saved: kept in bfloat16"): ACROSS,
    ("hard_tanh", "saved: kept in float32"): ACROSS,
    ("hard_swish", "backward le#1: lt for le"): KINK,
    ("hard_swish", "backward ge#1: gt for ge"): KINK,
    ("maximum", "backward gt#1: ge for gt"): SHARED,
    ("maximum", "backward gt#2: ge for gt"): SHARED,
    ("maximum", "backward div#1: second operand dropped"): SHARED,
    ("maximum", "backward div#2: second operand dropped"): SHARED,
    ("maximum", "backward div#1: constant 2 off by a percent"): SHARED,
    ("maximum", "backward div#2: constant 2 off by a percent"): SHARED,
    ("maximum", "backward select_n#1: condition taken for false"): SHARED,
    ("maximum", "backward select_n#3: condition taken for false"): SHARED,
    ("minimum", "backward lt#1: le for lt"): SHARED,
    ("minimum", "backward lt#2: le for lt"): SHARED,
    ("minimum", "backward div#1: second operand dropped"): SHARED,
    ("minimum", "backward div#2: second operand dropped"): SHARED,
    ("minimum", "backward div#1: constant 2 off by a percent"): SHARED,
    ("minimum", "backward div#2: constant 2 off by a percent"): SHARED,
    ("minimum", "backward select_n#1: condition taken for false"): SHARED,
    ("minimum", "backward select_n#3: condition taken for false"): SHARED,
    ("hinge", "backward gt#1: ge for gt"): LOSS_KINK,
    ("gaussian_nll", "backward gt#1: ge for gt"): LOSS_KINK,
    ("log", "dx: NaN where x is 0"): POLE,
    ("sqrt", "dx: NaN where x is 0"): POLE,
    ("power", "dx: NaN where x is 0"): POLE,
    ("binary_cross_entropy", "dprobabilities: NaN where probabilities is 0"): POLE,
    ("cross_entropy", "dprobabilities: NaN where probabilities is 0"): POLE,
}
