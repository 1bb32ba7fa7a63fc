"""How the parameters of a network begin: functions from a key, a shape and a dtype to an array.

An initializer is a plain function ``(key, shape, dtype=float32) -> Array``. Those that need nothing else stand here
as they are (`zeros`, `ones`, `identity` and the variance-scaled family, which reads its scale off the shape); those
that need a number are functions that return one (`constant`, `gaussian`, `uniform`, `truncated_normal`,
`orthogonal`). So a layer reads ``dense(64, weight=he_normal)`` or ``dense(64, weight=gaussian(0.01))``.

>>> import jax
>>> from fnn import initializers
>>> w = initializers.xavier_uniform(jax.random.key(0), (784, 128))
>>> w.shape, bool(abs(w).max() <= (6 / (784 + 128)) ** 0.5)
((784, 128), True)

Where the variance comes from. For Y = X·W with n = fan_in independent terms in each sum, Var(y) = n Var(w) E[x²];
for the cotangent, dX = dY·Wᵀ has fan_out terms. LeCun keeps the first constant (Var(w) = 1/fan_in), He does so behind
a ReLU, which halves E[x²] (2/fan_in), and Xavier, or Glorot, settles between both passes (2/(fan_in + fan_out)). A
uniform distribution on [-a, a] has variance a²/3.

Random numbers are drawn in float32, or float64 when that is asked for, and rounded once to a narrower dtype.
"""

import math
from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeAlias

import jax
import jax.numpy as jnp
import numpy as np
from jax import Array
from jax.typing import DTypeLike
from jaxtyping import PRNGKeyArray

Initializer: TypeAlias = Callable[..., Array]
"""``(key, shape, dtype=float32) -> Array``."""


class Fans(NamedTuple):
    """The number of terms in each sum of a layer's forward pass (`fan_in`) and backward pass (`fan_out`)."""

    fan_in: int
    fan_out: int


def fans(shape: Sequence[int]) -> Fans:
    """Return how many inputs feed each output, and how many outputs each input feeds, of a weight of this shape.

    The last two axes are input and output channels; all axes before them are the receptive field, which multiplies
    both. That is (in, out) for dense weights and HWIO for convolutions. In a grouped convolution the input axis
    holds the channels of one group, so fan_in is right and fan_out counts the outputs of all groups.

    Raises ValueError for a scalar or a vector, which has no fans, and for an axis without entries.

    >>> fans((784, 128))
    Fans(fan_in=784, fan_out=128)
    >>> fans((3, 3, 16, 32))
    Fans(fan_in=144, fan_out=288)
    """
    shape = tuple(shape)
    if len(shape) < 2:
        raise ValueError(
            f"a parameter of shape {shape} has no fan-in and fan-out: an initializer that scales by them wants a "
            "weight of shape (in, out) or (..., in, out). Biases usually start at `zeros`."
        )
    if min(shape) < 1:
        raise ValueError(f"a weight of shape {shape} has an axis without entries: every axis must be 1 or longer.")
    receptive_field = math.prod(shape[:-2])
    return Fans(receptive_field * shape[-2], receptive_field * shape[-1])


def zeros(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Return zeros: the usual start of a bias. (Weights that all start alike stay alike.) The key is not used."""
    return jnp.zeros(shape, dtype)


def ones(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Return ones: the usual start of a scale. The key is not used."""
    return jnp.ones(shape, dtype)


def constant(value: float) -> Initializer:
    """Return an initializer that fills the array with `value`.

    >>> constant(0.1)(jax.random.key(0), (2,))
    Array([0.1, 0.1], dtype=float32)
    """

    def initialize(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        return jnp.full(shape, value, dtype)

    return initialize


def gaussian(standard_deviation: float = 0.01) -> Initializer:
    """Return an initializer that draws from N(0, standard_deviation²); 0.01 is the small gaussian of the textbooks.

    Source: Krizhevsky, Sutskever, Hinton, "ImageNet classification with deep convolutional neural networks" (2012),
    section 5, starts every weight so. It fits shallow networks; in deep ones the signal shrinks layer by layer.

    Raises ValueError if `standard_deviation` is negative or not finite.
    """
    standard_deviation = _checked_scale("gaussian", "standard_deviation", standard_deviation)

    def initialize(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        wide = _sampling_dtype("gaussian", dtype)
        return (standard_deviation * jax.random.normal(key, shape, wide)).astype(dtype)

    return initialize


def uniform(scale: float) -> Initializer:
    """Return an initializer that draws from U[-scale, scale], whose variance is scale²/3.

    Raises ValueError if `scale` is negative or not finite.
    """
    scale = _checked_scale("uniform", "scale", scale)

    def initialize(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        wide = _sampling_dtype("uniform", dtype)
        return jax.random.uniform(key, shape, wide, minval=-scale, maxval=scale).astype(dtype)

    return initialize


def truncated_normal(standard_deviation: float) -> Initializer:
    """Return an initializer that draws from a normal distribution cut off at two of its standard deviations.

    W = standard_deviation · z / s,  z ~ N(0, 1) given |z| <= 2,  s² = Var(z) = 1 - 4 φ(2) / (2 Φ(2) - 1), s = 0.8796

    The division by s makes up for the variance that the cut takes away: `standard_deviation` is that of the result,
    whose bound is therefore 2/s = 2.2737 times as large.

    Source for s: Johnson, Kotz, Balakrishnan, "Continuous univariate distributions" 1 (1994), 13.10.1.
    Raises ValueError if `standard_deviation` is negative or not finite.
    """
    standard_deviation = _checked_scale("truncated_normal", "standard_deviation", standard_deviation)
    density = math.exp(-2.0) / math.sqrt(2 * math.pi)  # φ(2)
    inside = math.erf(2 / math.sqrt(2))  # 2 Φ(2) - 1
    factor = standard_deviation / math.sqrt(1 - 4 * density / inside)

    def initialize(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        wide = _sampling_dtype("truncated_normal", dtype)
        return (factor * jax.random.truncated_normal(key, -2.0, 2.0, shape, wide)).astype(dtype)

    return initialize


def lecun_normal(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw from N(0, 1 / fan_in); shape (..., in, out).

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp" (1998), section 4.6, equation 16.
    """
    return gaussian(math.sqrt(1 / fans(shape).fan_in))(key, shape, dtype)


def lecun_uniform(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw from U[-a, a], a = sqrt(3 / fan_in); shape (..., in, out).

    Source: LeCun, Bottou, Orr, Müller, "Efficient BackProp" (1998), section 4.6, equation 16.
    """
    return uniform(math.sqrt(3 / fans(shape).fan_in))(key, shape, dtype)


def xavier_normal(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw from N(0, 2 / (fan_in + fan_out)), also called Glorot normal; shape (..., in, out).

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010),
    equation 12.
    """
    return gaussian(math.sqrt(2 / sum(fans(shape))))(key, shape, dtype)


def xavier_uniform(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw from U[-a, a], a = sqrt(6 / (fan_in + fan_out)), also called Glorot uniform; shape (..., in, out).

    Source: Glorot, Bengio, "Understanding the difficulty of training deep feedforward neural networks" (2010),
    equation 16.
    """
    return uniform(math.sqrt(6 / sum(fans(shape))))(key, shape, dtype)


def he_normal(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw from N(0, 2 / fan_in), for layers behind a ReLU; shape (..., in, out).

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers" (2015), equation 10.
    """
    return gaussian(math.sqrt(2 / fans(shape).fan_in))(key, shape, dtype)


def he_uniform(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Draw from U[-a, a], a = sqrt(6 / fan_in), for layers behind a ReLU; shape (..., in, out).

    Source: He, Zhang, Ren, Sun, "Delving deep into rectifiers" (2015), equation 10, with a²/3 for the variance.
    """
    return uniform(math.sqrt(6 / fans(shape).fan_in))(key, shape, dtype)


def orthogonal(gain: float = 1.0) -> Initializer:
    """Return an initializer that draws `gain` times a random orthogonal matrix, uniform over all of them.

    A shape (..., out) is read as a matrix of prod(...) rows and `out` columns, so a convolution's weights are the
    matrix of its patches. If that matrix is tall, its columns are orthonormal: WᵀW = gain² I; if it is wide, its
    rows are: WWᵀ = gain² I. It is the Q of A = QR for a gaussian A, with the signs of R's diagonal moved into Q:
    without them Q is not uniform.

    Sources: Saxe, McClelland, Ganguli, "Exact solutions to the nonlinear dynamics of learning in deep linear neural
    networks" (2014); Mezzadri, "How to generate random matrices from the classical compact groups" (2007).

    Raises ValueError for a gain that is negative or not finite, for a scalar or a vector, and for an empty axis.
    """
    gain = _checked_scale("orthogonal", "gain", gain)

    def initialize(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
        shape = tuple(shape)
        if len(shape) < 2 or min(shape) < 1:
            raise ValueError(
                "orthogonal wants a matrix, shape (in, out) or (..., in, out) with no empty axis, "
                f"and got shape {shape}."
            )
        rows, columns = math.prod(shape[:-1]), shape[-1]
        tall = (max(rows, columns), min(rows, columns))
        wide = _sampling_dtype("orthogonal", dtype)
        q, r = jnp.linalg.qr(jax.random.normal(key, tall, wide))
        q = q * jnp.where(jnp.diagonal(r) < 0, -1, 1).astype(wide)[None, :]
        matrix = q if rows >= columns else q.T
        return (gain * matrix).reshape(shape).astype(dtype)

    return initialize


def identity(key: PRNGKeyArray, shape: Sequence[int], dtype: DTypeLike = jnp.float32) -> Array:
    """Return ones on the main diagonal of a matrix of shape (in, out), square or not, and zeros elsewhere.

    Source: Le, Jaitly, Hinton, "A simple way to initialize recurrent networks of rectified linear units" (2015).
    The key is not used. Raises ValueError unless the shape has two axes.
    """
    if len(shape) != 2:
        raise ValueError(f"identity wants a matrix, shape (in, out), and got shape {tuple(shape)}.")
    return jnp.eye(shape[0], shape[1], dtype=dtype)


def _checked_scale(initializer: str, argument: str, value: float) -> float:
    """Return the scale as a Python number, which takes the dtype of what it multiplies; refuse what is no scale."""
    if not (math.isfinite(value) and value >= 0):
        raise ValueError(f"{initializer} wants a {argument} that is a finite number, 0 or greater, and got {value}.")
    return float(value)


def _sampling_dtype(initializer: str, dtype: DTypeLike) -> np.dtype:
    """Return the dtype to draw in: never narrower than float32, whose grid of random numbers is fine enough."""
    if not jnp.issubdtype(dtype, jnp.floating):
        raise TypeError(
            f"{initializer} draws real numbers and wants a floating dtype, and got {jnp.dtype(dtype).name}."
        )
    return jnp.dtype(dtype if jnp.finfo(dtype).bits > 32 else jnp.float32)
