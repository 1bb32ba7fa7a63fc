"""fnn: functional neural networks in JAX whose every backward pass is written by hand."""

from fnn.rule import Rule as Rule
from fnn.rule import autodiff as autodiff
from fnn.rule import Static as Static
from fnn.rule import rule as rule
