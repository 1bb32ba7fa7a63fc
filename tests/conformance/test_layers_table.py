"""Every public layer has a row in the table."""

import inspect

from layers_table import LAYERS

from fnn import layers

# They make layers of rules and functions, or parameters of parameters, and are no layers themselves.
MAKERS = {"activation", "layer", "stateless", "fold_batch_norm"}


def test_the_table_holds_every_public_layer():
    public = {name for name, value in vars(layers).items() if inspect.isfunction(value)} - MAKERS
    assert {name.split("-")[0] for name in LAYERS} == public
