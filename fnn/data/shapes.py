"""Images of discs, rectangles and triangles with a class for each pixel: a set to segment, drawn on the spot."""

import math

import numpy as np

from fnn.data.examples import Examples

BACKGROUND, DISC, RECTANGLE, TRIANGLE = range(4)


def shapes(examples: int, *, size: int = 32, most: int = 3, noise: float = 0.1, seed: int = 0) -> Examples:
    """Return x float32 (examples, size, size, 1) and y int32 (examples, size, size): the class of each pixel.

    Class 0 is the background, 1 a disc, 2 a rectangle, 3 a triangle: four classes, so that a network must see the form
    of a thing and not only that there is one; y > 0 is the binary mask. An image has one to `most` shapes, each turned
    by a random angle and wholly inside, with a circumscribed circle of radius size/8 to size/4; what is drawn later
    hides what lies below. The background is a pattern of waves about a random grey, a shape is plain and 0.25 to 0.5
    brighter or darker than that. `noise` is the standard deviation of a gaussian added to every pixel.

    The same seed gives the same images. Raises ValueError for fewer than one example or shape, a size below 8 pixels,
    and a noise that is negative or not finite.

    >>> train = shapes(10, size=32, seed=0)
    >>> train.x.shape, train.y.shape, sorted(set(train.y.ravel().tolist()))
    ((10, 32, 32, 1), (10, 32, 32), [0, 1, 2, 3])
    """
    if examples < 1 or most < 1 or size < 8:
        raise ValueError(
            f"wanted 1 example or more of 1 shape or more on 8 pixels or more, and got examples = {examples}, "
            f"most = {most}, size = {size}."
        )
    if not (math.isfinite(noise) and noise >= 0):
        raise ValueError(f"noise is a standard deviation, a finite number 0 or greater, and got {noise}.")
    generator = np.random.default_rng(seed)
    grey = generator.uniform(0.3, 0.7, (examples, 1, 1))
    image = grey + _waves(generator, examples, size)
    label = np.full((examples, size, size), BACKGROUND, np.int32)
    count = generator.integers(1, most + 1, (examples, 1, 1))
    for number in range(most):
        kind = generator.integers(DISC, TRIANGLE + 1, (examples, 1, 1))
        covered = (number < count) & _covered(generator, kind, size)
        contrast = generator.choice((-1, 1), (examples, 1, 1)) * generator.uniform(0.25, 0.5, (examples, 1, 1))
        image = np.where(covered, grey + contrast, image)
        label = np.where(covered, kind, label)
    image = image + noise * generator.standard_normal(image.shape)
    return Examples(image[..., None].astype(np.float32), label.astype(np.int32))


def _covered(generator: np.random.Generator, kind: np.ndarray, size: int) -> np.ndarray:
    """Return where a shape of each image lies: its place in units of its radius, turned, against its outline."""
    one = kind.shape
    radius = generator.uniform(size / 8, size / 4, one)
    row, column = (radius + (size - 1 - 2 * radius) * generator.uniform(size=one) for _ in range(2))
    angle = generator.uniform(0, 2 * math.pi, one)
    diagonal = generator.uniform(math.pi / 6, math.pi / 3, one)  # of a rectangle, against its longer axis
    down, right = (np.arange(size)[:, None] - row) / radius, (np.arange(size) - column) / radius
    u, v = np.cos(angle) * right + np.sin(angle) * down, np.cos(angle) * down - np.sin(angle) * right
    disc = u**2 + v**2 <= 1
    rectangle = (abs(u) <= np.cos(diagonal)) & (abs(v) <= np.sin(diagonal))
    triangle = (v >= -0.5) & (v + math.sqrt(3) * abs(u) <= 1)
    return np.select([kind == DISC, kind == RECTANGLE], [disc, rectangle], triangle)


def _waves(generator: np.random.Generator, examples: int, size: int) -> np.ndarray:
    """Return the sum of three plane waves of random direction, phase, and length from size / 6 to size / 2."""
    total = np.zeros((examples, size, size))
    for _ in range(3):
        angle, phase = generator.uniform(0, 2 * math.pi, (2, examples, 1, 1))
        frequency = 2 * math.pi * generator.uniform(2, 6, (examples, 1, 1)) / size
        place = np.cos(angle) * np.arange(size)[:, None] + np.sin(angle) * np.arange(size)
        total += 0.05 * np.sin(frequency * place + phase)
    return total
