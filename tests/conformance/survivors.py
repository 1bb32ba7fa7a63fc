"""The mutants of fnn's rules that survive the checker though they change something, each with the reason."""

import re


def without_lines(mutant: str) -> str:
    """Return a mutant's name without its source lines, which move."""
    return re.sub(r" \([\w.?]+(:\d+)?\)", "", mutant)


KINK = "At a kink every subgradient is right and this is one; tests/rules/test_edges.py tests the one that is promised."
LOSS_KINK = KINK.replace("test_edges", "test_loss_edges")
ACROSS = "Rounding moves an output that equals the bound across it, where the derivative is a subgradient of the kink."
POLE = "The value at 0 is infinite or the slope is, and no number comes of it further on, with or without the NaN."

UNBOUNDED = (
    "It changes the gradient only where the slope is infinite. A rule may give a finite number there, as a safe square "
    "root does, so the checker takes any; tests/rules/test_loss_edges.py tests the number that is promised."
)
BROADCAST = (
    "It changes the gradient only where x = y = 0, and in this row, which is broadcast, the same sum holds an infinite "
    "term; on the table's row power-equal it is killed."
)

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
    ("hinge", "backward gt#1: ge for gt"): LOSS_KINK,
    ("gaussian_nll", "backward gt#1: ge for gt"): LOSS_KINK,
    ("log", "dx: NaN where x is 0"): POLE,
    ("power", "dx: NaN where x is 0"): POLE,
    ("power", "backward select_n#3: condition taken for false"): BROADCAST,
    ("cross_entropy", "backward and#3: first operand dropped"): UNBOUNDED,
    ("cross_entropy", "backward and#2: first operand dropped"): UNBOUNDED,
    ("cross_entropy", "backward eq#4: ge for eq"): UNBOUNDED,
    ("cross_entropy", "backward eq#4: ne for eq"): UNBOUNDED,
    ("cross_entropy", "backward eq#5: ge for eq"): UNBOUNDED,
    ("kl_divergence", "backward and#1: first operand dropped"): UNBOUNDED,
    ("kl_divergence", "backward eq#1: ge for eq"): UNBOUNDED,
    ("binary_cross_entropy", "backward and#1: first operand dropped"): UNBOUNDED,
    ("binary_cross_entropy", "backward and#3: first operand dropped"): UNBOUNDED,
    ("binary_cross_entropy", "backward eq#5: ge for eq"): UNBOUNDED,
    ("binary_cross_entropy", "backward eq#5: ne for eq"): UNBOUNDED,
    ("binary_cross_entropy", "backward eq#7: ge for eq"): UNBOUNDED,
}
