"""What the experiments on text share: random windows of a long text inside the training step, and how samples go on.

A step of language modelling takes random windows of one long text. `train.fit` takes examples, which it shuffles. So
an example here is a stretch of the text, of which the step takes a window at random: an epoch has as many stretches
as one wants steps between two evaluations, and every window of the text is as likely as any other.
"""

from collections.abc import Callable
from typing import Any

import jax
import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Int

from fnn import data, layers, models, rules


def stretches(ids: np.ndarray, count: int, context: int) -> data.Examples:
    """Cut a text into `count` stretches; the windows of `context` ids that begin in one are not in another's.

    x has the first `context` ids of each and y what follows, so that together they hold each of those windows with
    the id behind it. In a text with fewer windows than `count`, stretches overlap.
    """
    windows = len(ids) - context
    if windows < 1:
        raise ValueError(f"the text has {len(ids)} ids, wanted more than context = {context}.")
    share = -(-windows // count)
    first = np.linspace(0, windows - share, count).round().astype(np.int64)
    rows = ids[first[:, None] + np.arange(share + context)]
    return data.Examples(rows[:, :context], rows[:, context:])


def random_windows(key: Any, examples: data.Examples) -> tuple[Array, Array]:
    """Return (x, y) of a random window of each stretch: y is x one id later."""
    text = jnp.concatenate([examples.x, examples.y], 1)
    batch, context = examples.x.shape
    first = jax.random.randint(key, (batch, 1), 0, text.shape[1] - context)
    window = jnp.take_along_axis(text, first + jnp.arange(context + 1)[None], 1)
    return window[:, :-1], window[:, 1:]


def next_id_loss(net: layers.Layer) -> Callable[..., Any]:
    """Return the mean cross-entropy of the next id over random windows of stretches, in nats an id."""

    def loss(params, state, batch, key):
        for_windows, for_layers = jax.random.split(key)
        x, y = random_windows(for_windows, batch)
        logits, state = net.apply(params, state, x, key=for_layers, train=True)
        return rules.softmax_cross_entropy(logits, y), (state, {})

    return loss


def next_id_metrics(logits: Array, y: Int[Array, "batch time"]) -> dict[str, Array]:
    """Return the same loss of held-out windows."""
    return {"loss": rules.softmax_cross_entropy(logits, y)}


def go_on(
    net: layers.Layer, params: Any, prompt: np.ndarray, *, length: int, context: int, **options: Any
) -> np.ndarray:
    """Return `length` ids that the network writes behind the prompt, of any number of ids.

    `net` carries what it has read and reads up to `context` ids. Past those it starts again from the latter half, as a
    transformer must, whose positions have an end.
    """
    key = options.pop("key")
    written = np.asarray(prompt, np.int32)
    half = max(context // 2, 1)
    while len(written) < len(prompt) + length:
        read = written[-half:]
        new = models.generate(net, params, jnp.asarray(read)[None], length=context - len(read), key=key, **options)
        key = jax.random.fold_in(key, len(written))
        written = np.concatenate([written, np.asarray(new)[0, len(read) :]])
    return written[len(prompt) :][:length]
