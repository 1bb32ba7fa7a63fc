"""Look inside: the table of a network, the memory of its training, its graph, and taps on its backward pass."""

from fnn.inspect.graphs.computational_graph import Graph as Graph
from fnn.inspect.graphs.computational_graph import graph as graph
from fnn.inspect.memory import Memory as Memory
from fnn.inspect.memory import memory as memory
from fnn.inspect.outputs import outputs as outputs
from fnn.inspect.summary import Row as Row
from fnn.inspect.summary import Summary as Summary
from fnn.inspect.summary import summary as summary
from fnn.inspect.tapping.collect import taps as taps
from fnn.inspect.tapping.non_finite import NonFinite as NonFinite
from fnn.inspect.tapping.non_finite import find_non_finite as find_non_finite
from fnn.inspect.tapping.point import tap as tap
from fnn.inspect.tapping.result import Taps as Taps
from fnn.inspect.tapping.statistics import LayerStatistics as LayerStatistics
from fnn.inspect.tapping.statistics import ParameterStatistics as ParameterStatistics
from fnn.inspect.tapping.statistics import Statistics as Statistics
from fnn.layers.scope import scope as scope
