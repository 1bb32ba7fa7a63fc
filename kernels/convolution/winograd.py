"""3x3 convolution with stride 1 by Winograd's minimal filtering F(2x2, 3x3): 16 products where 36 are counted.

Each 2x2 tile of Y comes of a 4x4 tile of the padded X, which overlaps its neighbours by two:

    Y = Aᵀ [ (G W Gᵀ) ⊙ (Bᵀ X B) ] A            ⊙ sums over the input features: 16 matrix products over all tiles

    Bᵀ = 1  0 -1  0        G = 1   0   0        Aᵀ = 1  1  1  0
         0  1  1  0            ½   ½   ½             0  1 -1 -1
         0 -1  1  0            ½  -½   ½
         0  1  0 -1            0   0   1

The map is linear in X and in W, so both gradients are its adjoints: dX is the same filtering of dY with the window
turned round, and

    dW = Gᵀ [ (Bᵀ X B) ⊙ (A dY Aᵀ) ] G          ⊙ sums over the tiles

The constants are 0, 1 and ½, so float32 loses about one digit in ten; where X holds an infinity the whole tile is NaN.
Batches are taken in blocks, so that what the transforms make stays small beside the images.
Source: Lavin and Gray (2015), "Fast algorithms for convolutional neural networks", arXiv:1509.09308.
"""

import jax.numpy as jnp
from jax import lax
from jaxtyping import Array, Float

from fnn.kernels.numerics import wide
from fnn.kernels.windows import Windows

_BLOCK_BYTES = 24 << 20
"""Of the transformed tiles at a time. On two cores blocks of 6 MB took 1.3 times as long, 50 MB were no faster."""


def forward(x: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return Y in the accumulation dtype."""
    x, w = wide(x), wide(w)
    transformed = _both_axes(_g, [[w[i, j] for j in range(3)] for i in range(3)])

    def block(x):
        tiles = _input_tiles(x, where)
        products = [
            [lax.dot_general(u, v, (((3,), (0,)), ((), ()))) for u, v in zip(*rows, strict=True)]
            for rows in zip(tiles, transformed, strict=True)
        ]
        return _joined(_both_axes(_at, products), where.outputs)

    return _in_blocks(block, where, w.shape[-2:], x)


def backward_input(dy: Float[Array, "..."], w: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return dX in the accumulation dtype."""
    turned = jnp.swapaxes(lax.rev(w, (0, 1)), -1, -2)
    padding = tuple((2 - low, 2 - high) for low, high in where.padding)
    return forward(dy, turned, where._replace(sizes=where.outputs, padding=padding))


def backward_weight(x: Float[Array, "..."], dy: Float[Array, "..."], where: Windows) -> Float[Array, "..."]:
    """Return dW in the accumulation dtype."""
    x, dy = wide(x), wide(dy)
    features = x.shape[-1], dy.shape[-1]

    def block(x, dy):
        pairs = zip(_input_tiles(x, where), _output_tiles(dy), strict=True)
        over = (0, 1, 2), (0, 1, 2)
        sums = [[lax.dot_general(u, d, (over, ((), ()))) for u, d in zip(*rows, strict=True)] for rows in pairs]
        return jnp.stack([jnp.stack(row) for row in sums])

    sums = _summed_over_blocks(block, where, features, x, dy)
    return jnp.stack([jnp.stack(row) for row in _both_axes(_gt, [[sums[i, j] for j in range(4)] for i in range(4)])])


def suits(where: Windows) -> bool:
    """Return whether the form computes these windows at all."""
    small = all(low <= 2 and high <= 2 for low, high in where.padding)
    return where.window == (3, 3) and where.stride == (1, 1) and where.dilation == (1, 1) and small


# The four transforms along one axis, on lists of arrays.


def _bt(d):
    return [d[0] - d[2], d[1] + d[2], d[2] - d[1], d[1] - d[3]]


def _g(g):
    return [g[0], (g[0] + g[1] + g[2]) * 0.5, (g[0] - g[1] + g[2]) * 0.5, g[2]]


def _at(m):
    return [m[0] + m[1] + m[2], m[1] - m[2] - m[3]]


def _a(y):
    return [y[0], y[0] + y[1], y[0] - y[1], -y[1]]


def _gt(v):
    return [v[0] + 0.5 * (v[1] + v[2]), 0.5 * (v[1] - v[2]), 0.5 * (v[1] + v[2]) + v[3]]


def _both_axes(transform, tile: list[list[Array]]) -> list[list[Array]]:
    """Transform the columns and the rows of a tile of arrays."""
    rows = [transform(row) for row in tile]
    columns = [transform(list(column)) for column in zip(*rows, strict=True)]
    return [list(row) for row in zip(*columns, strict=True)]


def _input_tiles(x: Array, where: Windows) -> list[list[Array]]:
    """Return Bᵀ X B, 4x4 arrays (batch, tile rows, tile columns, features)."""
    (top, left), (rows, columns) = (low for low, _ in where.padding), _tiles(where.outputs)
    bottom, right = 2 * rows + 2 - x.shape[1] - top, 2 * columns + 2 - x.shape[2] - left
    padded = lax.pad(x, jnp.zeros((), x.dtype), ((0, 0, 0), (top, bottom, 0), (left, right, 0), (0, 0, 0)))
    return _both_axes(
        _bt,
        [[padded[:, i : i + 2 * rows - 1 : 2, j : j + 2 * columns - 1 : 2] for j in range(4)] for i in range(4)],
    )


def _output_tiles(dy: Array) -> list[list[Array]]:
    """Return A dY Aᵀ, 4x4 arrays (batch, tile rows, tile columns, features)."""
    rows, columns = _tiles(dy.shape[1:3])
    rest = (0, 2 * rows - dy.shape[1], 0), (0, 2 * columns - dy.shape[2], 0)
    padded = lax.pad(dy, jnp.zeros((), dy.dtype), ((0, 0, 0), *rest, (0, 0, 0)))
    return _both_axes(_a, [[padded[:, i::2, j::2] for j in range(2)] for i in range(2)])


def _joined(tiles: list[list[Array]], outputs: tuple[int, ...]) -> Array:
    """Put 2x2 arrays of tiles together to one image."""
    whole = jnp.stack([jnp.stack(row, 3) for row in tiles], 2)
    batch, rows, _, columns, _, features = whole.shape
    return whole.reshape(batch, 2 * rows, 2 * columns, features)[:, : outputs[0], : outputs[1]]


def _tiles(outputs: tuple[int, ...]) -> tuple[int, int]:
    return -(-outputs[0] // 2), -(-outputs[1] // 2)


def _block(batch: int, where: Windows, features: tuple[int, ...]) -> int:
    """How many images a block has: a divisor of the batch."""
    rows, columns = _tiles(where.outputs)
    want = max(_BLOCK_BYTES // (16 * 4 * rows * columns * sum(features)), 1)
    return max(size for size in range(1, batch + 1) if batch % size == 0 and size <= want) if batch else 1


def _in_blocks(function, where: Windows, features: tuple[int, ...], x: Array) -> Array:
    size = _block(len(x), where, features)
    if size >= len(x):
        return function(x)
    _, blocks = lax.scan(lambda _, x: (None, function(x)), None, x.reshape(-1, size, *x.shape[1:]))
    return blocks.reshape(len(x), *blocks.shape[2:])


def _summed_over_blocks(function, where: Windows, features: tuple[int, ...], *arrays: Array) -> Array:
    size = _block(len(arrays[0]), where, features)
    if size >= len(arrays[0]):
        return function(*arrays)
    blocks = tuple(a.reshape(-1, size, *a.shape[1:]) for a in arrays)
    start = jnp.zeros((4, 4, *features), arrays[0].dtype)
    return lax.scan(lambda total, block: (total + function(*block), None), start, blocks)[0]
