"""The properties of a gradient rule, in the order in which they are checked: the cheap and telling ones first."""

from collections.abc import Callable

from fnn.check.properties.adjoint import adjoint
from fnn.check.properties.compilation import compilation
from fnn.check.properties.cotangents import cotangents
from fnn.check.properties.differences import differences
from fnn.check.properties.edges import edges
from fnn.check.properties.linearity import linearity
from fnn.check.properties.precision import precision
from fnn.check.properties.repeatability import repeatability
from fnn.check.properties.residuals import residuals
from fnn.check.properties.second_order import second_order
from fnn.check.properties.sharding import sharding
from fnn.check.properties.sizes import sizes
from fnn.check.properties.structure import structure
from fnn.check.properties.transformations import transformations
from fnn.check.properties.value import value
from fnn.check.report import Outcome
from fnn.check.subject import Subject

PROPERTIES: dict[str, Callable[[Subject], Outcome]] = {
    function.__name__: function
    for function in (
        *(repeatability, structure, value, cotangents, adjoint, linearity, differences, edges, second_order),
        *(precision, sizes, transformations, sharding, residuals, compilation),
    )
}
