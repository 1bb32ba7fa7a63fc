"""Small sets of points in the plane, each with its own difficulty, drawn on the spot from a seed.

All return `Examples`: x float32 (examples, 2), y int32 (examples,). The classes are balanced to within one example
and come in random order. `noise` is the standard deviation of a gaussian added to both coordinates. The same seed
gives the same points. ValueError is raised for fewer examples than there are clouds or arms, and for negative noise.

>>> moons = two_moons(100, noise=0.1, seed=0)
>>> moons.x.shape, int(moons.y.sum())
((100, 2), 50)
"""

import math

import numpy as np

from fnn.data.examples import Examples


def two_moons(examples: int, *, noise: float = 0.1, seed: int = 0) -> Examples:
    """Return two interleaved half circles, t ~ U[0, π]: not linearly separable, but a bent line parts them.

    class 0: (cos t, sin t);  class 1: (1 - cos t, 1/2 - sin t)
    """
    generator, labels = _begin(examples, 2, noise, seed)
    t = generator.uniform(0, math.pi, examples)
    sign = 1 - 2 * labels
    points = np.stack([labels + sign * np.cos(t), labels / 2 + sign * np.sin(t)], axis=1)
    return _finish(generator, points, labels, noise)


def circles(examples: int, *, noise: float = 0.05, seed: int = 0, inner_radius: float = 0.5) -> Examples:
    """Return two circles about the origin: class 0 of radius 1 and class 1 of radius `inner_radius`, in (0, 1)."""
    if not 0 < inner_radius < 1:
        raise ValueError(f"the inner circle has a radius between 0 and 1, and inner_radius is {inner_radius}.")
    generator, labels = _begin(examples, 2, noise, seed)
    radius = np.where(labels == 0, 1.0, inner_radius)
    points = radius[:, None] * _directions(generator.uniform(0, 2 * math.pi, examples))
    return _finish(generator, points, labels, noise)


def xor_clouds(examples: int, *, noise: float = 0.3, seed: int = 0) -> Examples:
    """Return four clouds about (±1, ±1), of class 0 where the signs agree and 1 where they differ: XOR with noise."""
    generator, clouds = _begin(examples, 4, noise, seed)
    labels, upper = clouds % 2, clouds // 2
    first = 2 * upper - 1
    points = np.stack([first, np.where(labels == 0, first, -first)], axis=1)
    return _finish(generator, points, labels, noise)


def gaussians(examples: int, *, classes: int = 3, noise: float = 0.3, seed: int = 0) -> Examples:
    """Return one gaussian cloud per class, the centres spaced evenly on the unit circle from (1, 0) on."""
    generator, labels = _begin(examples, classes, noise, seed)
    points = _directions(2 * math.pi * labels / classes)
    return _finish(generator, points, labels, noise)


def spirals(examples: int, *, arms: int = 2, turns: float = 1.0, noise: float = 0.02, seed: int = 0) -> Examples:
    """Return `arms` spirals about the origin, one per class, each going round it `turns` times.

    radius r ~ U[0, 1], angle = 2π (turns · r + label / arms)

    Source: Lang, Witbrock, "Learning to tell two spirals apart" (1988), here with a random radius.
    """
    generator, labels = _begin(examples, arms, noise, seed)
    radius = generator.uniform(0, 1, examples)
    points = radius[:, None] * _directions(2 * math.pi * (turns * radius + labels / arms))
    return _finish(generator, points, labels, noise)


def _begin(examples: int, groups: int, noise: float, seed: int) -> tuple[np.random.Generator, np.ndarray]:
    """Check the arguments; return the generator, and the group of each example: as many of each, in random order."""
    if groups < 2:
        raise ValueError(f"two classes or more are wanted, and got {groups}.")
    if examples < groups:
        raise ValueError(f"{groups} groups of points want {groups} examples or more, and got {examples}.")
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise is a standard deviation, a finite number 0 or greater, and got {noise}.")
    generator = np.random.default_rng(seed)
    return generator, generator.permutation(np.arange(examples) % groups)


def _finish(generator: np.random.Generator, points: np.ndarray, labels: np.ndarray, noise: float) -> Examples:
    points = points + noise * generator.standard_normal(points.shape)
    return Examples(points.astype(np.float32), labels.astype(np.int32))


def _directions(angle: np.ndarray) -> np.ndarray:
    return np.stack([np.cos(angle), np.sin(angle)], axis=1)
