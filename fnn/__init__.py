"""fnn: functional neural networks in JAX whose every backward pass is written by hand."""

from fnn import data as data
from fnn import initializers as initializers
from fnn import inspect as inspect
from fnn import layers as layers
from fnn import optim as optim
from fnn import rules as rules
from fnn import train as train
from fnn.rule import Rule as Rule
from fnn.rule import Static as Static
from fnn.rule import autodiff as autodiff
from fnn.rule import rule as rule
from fnn.train.metrics import accuracy as accuracy
