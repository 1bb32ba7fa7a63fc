"""Look inside: the table of a network, and taps on its backward pass."""

from fnn.inspect.summary import Row as Row
from fnn.inspect.summary import Summary as Summary
from fnn.inspect.summary import summary as summary
from fnn.inspect.taps import NonFinite as NonFinite
from fnn.inspect.taps import find_non_finite as find_non_finite
from fnn.inspect.taps import tap as tap
