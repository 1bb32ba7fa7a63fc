"""Convolutions that are put together of smaller ones: group by group, and volumes plane by plane.

Groups: each run of features is a convolution of its own; XLA on a CPU computes dW of groups as one dense convolution,
and takes hundreds of times as long. Runs are narrow, which suits the direct form. Volumes: a window over (depth,
height, width) is a sum of windows over (height, width), one for each plane of the window, with the planes of the
volume as a batch:

    Y[:, o] = Σ_i X[:, o stride + i dilation - low] * W[i],   * over height and width
"""

import math
from functools import partial

import jax.numpy as jnp
from jaxtyping import Array, Float

from fnn.kernels.convolution.passes import Form, Pass
from fnn.kernels.windows import Windows, overlap_add, pad, view


def by_group(of_group: Form, groups: int) -> Form:
    """Return the form that computes each run of features by another."""
    return Form(*(partial(_joined, pass_, groups) for pass_ in of_group))


def by_plane(of_plane: Form) -> Form:
    """Return the form that computes volumes as sums of planes, each by another form."""
    return Form(
        partial(_forward, of_plane.forward),
        partial(_backward_input, of_plane.backward_input),
        partial(_backward_weight, of_plane.backward_weight),
    )


def _joined(pass_: Pass, groups: int, a: Float[Array, "..."], b: Float[Array, "..."], where: Windows) -> Array:
    """Return what the pass makes of each run of features of a and of b, joined."""
    runs = zip(jnp.split(a, groups, -1), jnp.split(b, groups, -1), strict=True)
    return jnp.concatenate([pass_(*run, where) for run in runs], -1)


def _forward(pass_: Pass, x: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Array:
    """Return Y as sums of planes."""
    depth, plane = where.along(slice(1)), where.along(slice(1, None))
    padded = pad(_flat(x), depth)
    first, *others = [pass_(_planes(view(padded, depth, (i,)), x), w[i], plane) for i in range(where.window[0])]
    total = sum(others, first)
    return total.reshape(len(x), where.outputs[0], *total.shape[1:])


def _backward_input(pass_: Pass, dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Array:
    """Return dX as the planes put back where they were read."""
    depth, plane = where.along(slice(1)), where.along(slice(1, None))
    planes = dy.reshape(-1, *dy.shape[2:])

    def piece(entry: tuple[int, ...]) -> Array:
        return _flat(pass_(planes, w[entry], plane).reshape(*dy.shape[:2], *where.sizes[1:], w.shape[-2]))

    return overlap_add(piece, depth).reshape(len(dy), *where.sizes, w.shape[-2])


def _backward_weight(pass_: Pass, x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows) -> Array:
    """Return dW, a plane of the window at a time."""
    depth, plane = where.along(slice(1)), where.along(slice(1, None))
    padded, planes = pad(_flat(x), depth), dy.reshape(-1, *dy.shape[2:])
    return jnp.stack([pass_(_planes(view(padded, depth, (i,)), x), planes, plane) for i in range(where.window[0])])


def _flat(x: Array) -> Array:
    """(batch, depth, ...) with all that lies in a plane as one axis."""
    return x.reshape(*x.shape[:2], math.prod(x.shape[2:]))


def _planes(flat: Array, x: Array) -> Array:
    return flat.reshape(-1, *x.shape[2:])
