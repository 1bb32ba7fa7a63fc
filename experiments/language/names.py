"""Invent first names, a letter at a time

    python -m experiments names
    python -m experiments names --temperature 0.7             # more ordinary ones
    python -m experiments names --model gpt --depth 4 --width 64 --epochs 20 --learning-rate 5e-3

Hardware: two CPU cores. Wall time: 75 s, of the transformer several times that.
Expect: test_loss 1.94, of the transformer 1.96; a quarter of the names that it invents are among those it learned.

The network learns 32,033 first names, each a sequence of letters between a mark that begins and one that ends it, and
padded to the longest. A tenth of the names, drawn at random, is kept back: the loss is the mean of -log p over their
letters and ends, and padding does not count. The settings were chosen on the same tenth.
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import jax
import jax.numpy as jnp
import numpy as np

from experiments.runner import fit, key, say
from fnn import data, inspect, layers, models, optim, rules

END = "."
"""The mark that begins and ends a name."""
IGNORED = -1
"""The label of padding."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `names`."""

    model: Literal["gru", "gpt"] = "gru"
    """A recurrent network or a transformer."""
    depth: int = 1
    """Layers."""
    width: int = 128
    """Features."""
    heads: int = 4
    """Attention heads of the transformer."""
    dropout: float = 0.1
    """Share of the features that the transformer drops in training."""
    epochs: int = 8
    """How often each name is seen."""
    batch_size: int = 128
    """Names a step."""
    learning_rate: float = 1e-2
    """AdamW's largest step size: it rises to it and falls along half cosines (one cycle)."""
    weight_decay: float = 0.1
    """AdamW's decay."""
    temperature: float = 1.0
    """Below 1, likely letters are taken more often than the network thinks right."""
    seed: int = 0
    """The same seed gives the same network, bit for bit."""
    data: Path | None = None
    """Folder that holds the names."""
    out: Path = Path("runs/names")
    """Folder for the picture, the new names, the history and the metrics."""


def run(settings: Settings) -> dict[str, Any]:
    """Train, print new names, and return the final metrics."""
    for name in ("depth", "epochs", "batch_size"):
        if getattr(settings, name) < 1:
            raise ValueError(f"{name.replace('_', '-')} = {getattr(settings, name)}, wanted at least 1.")
    names = data.names(settings.data)
    vocabulary = data.Vocabulary.of(END + "".join(names))
    longest = max(map(len, names))
    learned, held_out = data.train_test_split(examples(names, vocabulary, longest), 0.1, seed=0)
    net, reader = networks(settings, len(vocabulary), longest + 1)
    table = inspect.summary(net, learned.x[:1])
    print(table, file=sys.stderr)
    steps = settings.epochs * -(-len(learned.x) // settings.batch_size)
    rate = optim.one_cycle(settings.learning_rate, steps)
    result = fit(
        settings.out,
        net,
        loss_of(net),
        optim.clip_by_global_norm(optim.adamw(rate, weight_decay=settings.weight_decay), 1.0),
        learned,
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        key=key(settings.seed),
        evaluate=held_out,
        metrics=metrics,
        ignore_label=IGNORED,
    )
    invented = invent(reader, result.params, vocabulary, 1000, longest, settings)
    known = set(names_of(learned, vocabulary))
    report(invented[:20], known, settings.out)
    last = result.history.rows[-1]
    return {
        "test_loss": last["test_loss"],
        "train_loss": last["loss"],
        "known_of_1000": sum(name in known for name in invented),
        "different_of_1000": len(set(invented)),
        "parameters": table.total.parameters,
        "epochs": settings.epochs,
    }


def examples(names: list[str], vocabulary: data.Vocabulary, longest: int) -> data.Examples:
    """Return names as rows: x begins with the mark, y ends with it, and the padding of y is ignored."""
    rows = [vocabulary.encode(END + name + END) for name in names]
    x = data.pad([row[:-1] for row in rows], length=longest + 1)
    y = data.pad([row[1:] for row in rows], length=longest + 1, value=IGNORED)
    return data.Examples(x.x, y.x)


def names_of(some: data.Examples, vocabulary: data.Vocabulary) -> list[str]:
    """Return the names that the rows are."""
    return [vocabulary.decode(row[row != IGNORED]).removesuffix(END) for row in np.asarray(some.y)]


def networks(settings: Settings, symbols: int, context: int) -> tuple[layers.Layer, layers.Layer]:
    """Return the network that learns, and the same that carries what it has read, to write with."""
    depth, width = settings.depth, settings.width
    if settings.model == "gru":
        options = {"depth": depth, "width": width, "cell": layers.gru}
        return models.char_rnn(symbols, **options), models.char_rnn(symbols, carry=True, **options)
    options = {"depth": depth, "width": width, "heads": settings.heads, "dropout": settings.dropout}
    return models.gpt(symbols, context, **options), models.gpt(symbols, context, cache=context, **options)


def loss_of(net: layers.Layer) -> Any:
    """Return the mean of -log p of the letters and ends of a batch."""

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, key=key, train=True)
        return rules.softmax_cross_entropy(logits, batch.y, ignore_label=IGNORED), (state, {})

    return loss


def metrics(logits: Any, y: Any) -> dict[str, Any]:
    """Return the same loss of held-out names."""
    return {"loss": rules.softmax_cross_entropy(logits, y, ignore_label=IGNORED)}


def invent(
    reader: layers.Layer, params: Any, vocabulary: data.Vocabulary, count: int, longest: int, settings: Settings
) -> list[str]:
    """Return new names: what the network writes behind the mark, to the next one."""
    start = jnp.full((count, 1), int(vocabulary.encode(END)[0]))
    options = {"key": jax.random.fold_in(key(settings.seed), 1), "temperature": settings.temperature}
    written = np.asarray(models.generate(reader, params, start, length=longest, **options))
    return [vocabulary.decode(row[1:]).split(END)[0] for row in written]


def report(invented: list[str], known: set[str], out: Path) -> None:
    """Print the names and write them to names.txt; a star is behind those that were learned by heart."""
    lines = [f"{name} *" if name in known else name for name in invented]
    say("\n".join(lines))
    say(f"{sum(name in known for name in invented)} of these {len(invented)} are among the names to learn from (*).")
    (out / "names.txt").write_text("\n".join(lines) + "\n")
