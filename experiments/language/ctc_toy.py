"""Transcribe recordings in which nobody marked where a letter begins

    python -m experiments ctc_toy
    python -m experiments ctc_toy --noise 1.0                 # harder to hear
    python -m experiments ctc_toy --model conv                # convolutions, which hear 29 frames at once

Hardware: two CPU cores. Wall time: 1 min.
Expect: label_error_rate 0.01

Each letter has a sound, a short course of all features, which is spoken faster or slower, in noise, with pauses or
none behind it, and sometimes twice in a row. The network sees frames and is told letters, but not which frames they
are: `rules.ctc` sums over all alignments. What it learns is in spikes.png: blanks, and a spike for each letter, where
the network is surest of it. Label error rate: the edits (letters put in, left out, exchanged) between what is
transcribed and what was said, over the number of letters said. Source: Graves, Fernández, Gomez, Schmidhuber (2006),
"Connectionist temporal classification".
"""

import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal, NamedTuple

import jax.numpy as jnp
import numpy as np
from jaxtyping import Array, Float, Int

from experiments.runner import fit, key, save, say
from fnn import data, inspect, layers, optim, rules, train
from fnn.inspect.pictures.canvas import Figure, canvas

BLANK = 0
"""The class that says nothing; it also fills the labels up to the longest."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment `ctc_toy`."""

    model: Literal["gru", "conv"] = "gru"
    """A recurrent network that reads forwards and backwards, or convolutions."""
    letters: str = "abcdefgh"
    """The alphabet; a letter has a class, behind the blank's."""
    longest: int = 8
    """Letters of a recording at most; the least is 3."""
    frames: int = 72
    """Frames of a recording."""
    features: int = 10
    """Numbers in a frame."""
    noise: float = 0.7
    """Standard deviation of the noise; that of the sounds is 1."""
    recordings: int = 3000
    """Recordings to learn from."""
    test_recordings: int = 500
    """Recordings to judge by."""
    hidden: int = 48
    """Units of each direction, or features of a convolution."""
    epochs: int = 12
    """How often each recording is heard."""
    batch_size: int = 32
    """Recordings a step."""
    learning_rate: float = 1e-2
    """Adam's largest step size: it rises to it and falls along half cosines (one cycle)."""
    clip: float = 5.0
    """Largest norm of the gradient of all parameters."""
    seed: int = 0
    """The same seed gives the same recordings and the same network, bit for bit."""
    out: Path = Path("runs/ctc_toy")
    """Folder for the pictures, the history and the metrics."""


class Recordings(NamedTuple):
    """What a microphone would give, what was said, and, for the picture alone, when."""

    x: Float[np.ndarray, "count frames features"]
    y: Int[np.ndarray, "count longest"]
    begins: Int[np.ndarray, "count longest"]


def run(settings: Settings) -> dict[str, Any]:
    """Train, draw the spikes of the two longest test recordings, and return the final metrics."""
    check(settings)
    sounds = sounds_of(settings)
    learned = recordings(settings, sounds, settings.recordings, 1)
    held_out = recordings(settings, sounds, settings.test_recordings, 2)
    net = network(settings)
    table = inspect.summary(net, learned.x[:1])
    print(table, file=sys.stderr)
    steps = settings.epochs * -(-settings.recordings // settings.batch_size)
    result = fit(
        settings.out,
        net,
        loss_of(net),
        optim.clip_by_global_norm(optim.adam(optim.one_cycle(settings.learning_rate, steps)), settings.clip),
        data.Examples(learned.x, learned.y),
        epochs=settings.epochs,
        batch_size=settings.batch_size,
        key=key(settings.seed),
        evaluate=data.Examples(held_out.x, held_out.y),
        metrics=lambda logits, y: {"loss": transcript_loss(logits, y)},
    )
    logits = np.asarray(train.predict(net, result.params, result.state, held_out.x))
    heard, said = greedy(logits), [list(row[row != BLANK]) for row in held_out.y]
    for one, other in list(zip(said, heard, strict=True))[:8]:
        say(f"said {spell(settings, one):{settings.longest}}  heard {spell(settings, other)}")
    longest = np.argsort([-len(labels) for labels in said], kind="stable")[:2]
    save(spikes(settings, held_out, logits, list(longest)), settings.out / "spikes")
    last = result.history.rows[-1]
    return {
        "label_error_rate": label_error_rate(heard, said),
        "without_error": float(np.mean([one == other for one, other in zip(heard, said, strict=True)])),
        "test_loss": last["test_loss"],
        "train_loss": last["loss"],
        "blank_frames": float((logits.argmax(-1) == BLANK).mean()),
        "parameters": table.total.parameters,
        "epochs": settings.epochs,
    }


def check(settings: Settings) -> None:
    """Raise ValueError for settings that make no recordings."""
    for name in ("recordings", "test_recordings", "features", "hidden", "epochs", "batch_size"):
        if getattr(settings, name) < (2 if name == "test_recordings" else 1):
            raise ValueError(f"{name.replace('_', '-')} = {getattr(settings, name)}, wanted more.")
    if len(set(settings.letters)) < max(len(settings.letters), 2):
        raise ValueError(f"letters = {settings.letters!r}, wanted two or more that differ.")
    if settings.longest < 3 or settings.frames < settings.longest * SLOWEST:
        raise ValueError(
            f"longest = {settings.longest}, frames = {settings.frames}; wanted 3 letters or more, and "
            f"{SLOWEST} frames for each."
        )


FASTEST, SLOWEST = 3, 9
"""Frames that a letter takes, with the pause behind it."""


def sounds_of(settings: Settings) -> Float[np.ndarray, "letters points features"]:
    """Return the course of each letter's features: four points, between which they go straight."""
    return np.random.default_rng(settings.seed).normal(size=(len(settings.letters), 4, settings.features))


def recordings(settings: Settings, sounds: np.ndarray, count: int, part: int) -> Recordings:
    """Return recordings of random letters, one letter in three the one before again."""
    generator = np.random.default_rng([settings.seed, part])
    x = generator.normal(size=(count, settings.frames, settings.features)) * settings.noise
    y = np.full((count, settings.longest), BLANK, np.int32)
    begins = np.zeros_like(y)
    for row in range(count):
        number = generator.integers(3, settings.longest + 1)
        taken = generator.integers(FASTEST, SLOWEST + 1, size=number)
        spoken = np.maximum(taken - generator.integers(0, 4, size=number), FASTEST)
        at = generator.integers(0, settings.frames - taken.sum() + 1)
        letter = -1
        for place in range(number):
            again = letter >= 0 and generator.random() < 1 / 3
            letter = letter if again else generator.integers(len(settings.letters))
            x[row, at : at + spoken[place]] += stretched(sounds[letter], spoken[place])
            y[row, place], begins[row, place] = letter + 1, at
            at += taken[place]
    return Recordings(x.astype(np.float32), y, begins)


def stretched(sound: Float[np.ndarray, "points features"], frames: int) -> Float[np.ndarray, "frames features"]:
    """Return the sound, spoken in so many frames."""
    at = np.linspace(0, len(sound) - 1, frames)
    before = np.minimum(at.astype(int), len(sound) - 2)
    share = (at - before)[:, None]
    return (1 - share) * sound[before] + share * sound[before + 1]


def network(settings: Settings) -> layers.Layer:
    """Return the network: frames (batch, frames, features) to logits of the letters and the blank."""
    hidden, classes = settings.hidden, len(settings.letters) + 1
    if settings.model == "conv":
        convolutions = (layers.conv(hidden, 5, padding="SAME", dilation=2**n) for n in range(3))
        parts = [part for conv in convolutions for part in (conv, layers.relu())]
    else:
        parts = [layers.bidirectional(layers.gru(hidden), layers.gru(hidden))]
    return layers.serial(*parts, layers.dense(classes))


def loss_of(net: layers.Layer) -> Any:
    """Return the CTC loss of the network on a batch of recordings."""

    def loss(params, state, batch, key):
        logits, state = net.apply(params, state, batch.x, key=key, train=True)
        return transcript_loss(logits, batch.y), (state, {})

    return loss


def transcript_loss(logits: Float[Array, "batch frames classes"], y: Int[Array, "batch longest"]) -> Array:
    """Return the mean of -log p(letters | recording)."""
    return rules.ctc(logits, y, label_lengths=(y != BLANK).sum(-1), blank=BLANK)


def greedy(logits: Float[np.ndarray, "batch frames classes"]) -> list[list[int]]:
    """Return what the likeliest alignment says: the best class of each frame, repeats merged, blanks dropped."""
    best = logits.argmax(-1)
    new = np.diff(best, axis=1, prepend=BLANK) != 0
    return [list(row[kept]) for row, kept in zip(best, new & (best != BLANK), strict=True)]


def label_error_rate(heard: list[list[int]], said: list[list[int]]) -> float:
    """Return the edits that make what was heard what was said, over the letters that were said."""
    return sum(map(edits, heard, said)) / sum(map(len, said))


def edits(one: list[int], other: list[int]) -> int:
    """Return the edit distance (Levenshtein, 1966): the least insertions, deletions and substitutions."""
    row = list(range(len(other) + 1))
    for i, symbol in enumerate(one, 1):
        diagonal, row[0] = row[0], i
        for j, wanted in enumerate(other, 1):
            diagonal, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, diagonal + (symbol != wanted))
    return row[-1]


def spell(settings: Settings, labels: list[int]) -> str:
    """Return labels as letters."""
    return "".join(settings.letters[label - 1] for label in labels)


def spikes(settings: Settings, given: Recordings, logits: np.ndarray, chosen: list[int]) -> Figure:
    """Draw recordings, when their letters begin, and below them the probability of each letter and of the blank."""
    probabilities = np.asarray(rules.softmax(jnp.asarray(logits[chosen])))
    figure = canvas(5.5 * len(chosen), 4.5)
    axes = figure.subplots(2, len(chosen), sharex=True, squeeze=False)
    for (above, below), row, p in zip(axes.T, chosen, probabilities, strict=True):
        spoken = given.y[row] != BLANK
        heard = spell(settings, greedy(logits[row : row + 1])[0])
        above.imshow(given.x[row].T, aspect="auto", cmap="RdBu_r", vmin=-3, vmax=3, interpolation="nearest")
        above.set(title=f"said {spell(settings, list(given.y[row][spoken]))}, heard {heard}", ylabel="feature")
        for label, at in zip(given.y[row][spoken], given.begins[row][spoken], strict=True):
            for axis in (above, below):
                axis.axvline(at - 0.5, color="0.3", linewidth=0.8, linestyle=":")
            below.text(at, 1.04, spell(settings, [label]), color=f"C{label - 1}")
        below.plot(p[:, BLANK], color="0.6", linestyle="--", linewidth=1, label="blank")
        for label in np.unique(given.y[row][spoken]):
            below.plot(p[:, label], color=f"C{label - 1}")
        below.set(xlabel="frame", ylabel="probability", ylim=(-0.02, 1.15))
    axes[1, 0].legend(loc="center left", fontsize="small", framealpha=0.9)
    return figure
