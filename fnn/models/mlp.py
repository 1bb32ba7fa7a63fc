"""The multi-layer perceptron."""

from collections.abc import Callable, Sequence

from fnn import layers


def mlp(
    sizes: Sequence[int],
    activation: Callable[[], layers.Layer] = layers.relu,
    *,
    dropout: float = 0.0,
    bias: bool = True,
) -> layers.Layer:
    """Dense layers of `sizes` units, the activation between them: x (batch, ...) to logits (batch, sizes[-1]).

    x is flattened first. `dropout` follows each activation. With in_features inputs there are
    (in_features + 1) sizes[0] + (sizes[0] + 1) sizes[1] + ... parameters; without biases, as many less as there are
    units.

    Raises ValueError where there is no size.

    >>> import jax
    >>> from fnn import layers, models
    >>> x = jax.ShapeDtypeStruct((1, 3), "float32")
    >>> for bias in (True, False):                                              # the lectures' 3-4-2 network
    ...     params, _ = jax.eval_shape(models.mlp((4, 2), layers.sigmoid, bias=bias).init, jax.random.key(0), x)
    ...     print(sum(leaf.size for leaf in jax.tree.leaves(params)))
    26
    20
    """
    if not sizes:
        raise ValueError("mlp: sizes is empty, wanted the units of each layer, the last one's being the outputs.")
    *hidden, outputs = sizes
    blocks = [
        layers.serial(layers.dense(units, bias=bias), activation(), *([layers.dropout(dropout)] if dropout else []))
        for units in hidden
    ]
    return layers.serial(layers.flatten(), *blocks, layers.dense(outputs, bias=bias))
