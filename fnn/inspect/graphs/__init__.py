"""The computational graph of a program: its steps, and what both passes carry between them."""

from fnn.inspect.graphs.computational_graph import Graph as Graph
from fnn.inspect.graphs.computational_graph import graph as graph
from fnn.inspect.graphs.parts import Node as Node
from fnn.inspect.graphs.parts import Repeat as Repeat
from fnn.inspect.graphs.parts import Seen as Seen
from fnn.inspect.graphs.parts import Wire as Wire
