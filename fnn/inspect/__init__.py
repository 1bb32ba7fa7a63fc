"""Look inside: tables of a network, and taps on its backward pass."""

from fnn.inspect.taps import NonFinite as NonFinite
from fnn.inspect.taps import find_non_finite as find_non_finite
from fnn.inspect.taps import tap as tap
