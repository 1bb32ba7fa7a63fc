"""A layer draws from its key in training alone, and says so when it has none."""

import chex
import jax
import numpy as np
import pytest
from layers_study import start, stochastic_layers, study
from layers_table import LAYERS

from fnn.layers import LayerError


@stochastic_layers
def test_a_stochastic_layer_draws_from_its_key(name):
    found = study(name)
    assert any(
        np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (found["layer"][0], found["other key"])), strict=True)
    )
    assert any(
        np.any(a != b) for a, b in zip(*map(jax.tree.leaves, (found["layer"][0], found["evaluation"])), strict=True)
    )


@stochastic_layers
def test_training_without_a_key_names_the_layer(name):
    net, params, state, x = start(name)
    paths = {
        **{name: name for name in ("dropout", "spatial_dropout", "channel_dropout", "stochastic_depth", "attention")},
        "transformer_block": "transformer_block.attention",
        "serial": "serial[1].dropout",
        "parallel": "parallel[2].dropout",
        "repeat": "repeat[:3].serial[1].dropout",
        "recompute": "recompute.serial[1].dropout",
    }
    with jax.enable_x64(True), pytest.raises(LayerError) as raised:
        net.apply(params, state, x, train=True)
    assert str(raised.value).startswith(paths[name] + ": ") and "needs a key" in str(raised.value)


@pytest.mark.parametrize("name", [name for name, row in LAYERS.items() if not (row.stochastic or row.by_batch)])
def test_a_layer_without_chance_is_the_same_in_training(name):
    chex.assert_trees_all_close(study(name)["evaluation"], study(name)["layer"][0], rtol=1e-14)


@pytest.mark.parametrize("name", [name for name, row in LAYERS.items() if row.by_batch])
def test_a_layer_that_normalises_by_the_batch_does_not_in_evaluation(name):
    assert np.abs(study(name)["evaluation"] - study(name)["layer"][0]).max() > 0.1
