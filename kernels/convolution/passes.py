"""A way to compute convolutions: its three passes."""

from collections.abc import Callable
from typing import Any, NamedTuple

from jaxtyping import Array

from fnn.kernels.windows import Windows

Pass = Callable[[Any, Any, Windows], Array]


class Form(NamedTuple):
    """The three passes of a convolution; results are in the accumulation dtype."""

    forward: Pass
    """(x, w, where) -> y."""
    backward_input: Pass
    """(dy, w, where) -> dx."""
    backward_weight: Pass
    """(x, dy, where) -> dw."""
