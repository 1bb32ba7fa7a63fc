"""Muon: the momentum of a weight matrix, orthogonalised."""

import math
from typing import Any, NamedTuple

import jax.numpy as jnp

from fnn.optim.adam import adamw
from fnn.optim.by_leaf import by_leaf
from fnn.optim.hyper import Hyper, at, require_fractions
from fnn.optim.optimizer import Optimizer, leafwise


class Muon(NamedTuple):
    """State of `muon` for the matrices: B is the running mean of the gradients."""

    step: Any
    params: Any
    B: Any


def muon(
    learning_rate: Hyper = 1e-3,
    momentum: Hyper = 0.95,
    *,
    nesterov: bool = True,
    iterations: int = 5,
    otherwise: Optimizer | None = None,
    weight_decay: Hyper = 0.1,
    maximize: bool = False,
) -> Optimizer:
    """Muon: B <- mu B + (1 - mu) g, then w <- w - eta sqrt(max(1, out / in)) orthogonalise(O).

    O is B, or with ``nesterov`` mu B + (1 - mu) g; `orthogonalise` takes U S V^T to nearly U V^T. It is meant for the
    hidden matrices of a network: leaves of two axes or more, (..., in, out), with all axes but the last taken as one.
    Every other leaf goes to ``otherwise``, `adamw` when it is left out; to keep the embedding and the output matrix
    out as well, as the authors do, write the choice with `fnn.optim.by_leaf`.

    Defaults are PyTorch's, which computes the orthogonalisation in bfloat16; here it has float32 or wider.

    Source: Jordan et al., Muon: an optimizer for hidden layers in neural networks, 2024; Liu et al., Muon is scalable
    for LLM training, 2025, for the weight decay.
    """
    require_fractions(momentum=momentum)
    if iterations < 1:
        raise ValueError(f"iterations is {iterations}; wanted one or more.")

    def coefficients(step):
        return at(momentum, step), at(learning_rate, step)

    def leaf(factors, g, w, B):
        mu, eta = factors
        B = g + mu * (B - g)
        towards = g + mu * (B - g) if nesterov else B
        matrix = towards.reshape(-1, w.shape[-1])
        scale = math.sqrt(max(1, matrix.shape[1] / max(1, matrix.shape[0])))
        return w - eta * scale * orthogonalise(matrix, iterations).reshape(w.shape), B

    matrices = leafwise(
        Muon, leaf, coefficients, learning_rate=learning_rate, weight_decay=weight_decay, maximize=maximize
    )
    others = adamw(maximize=maximize) if otherwise is None else otherwise
    return by_leaf(lambda path, leaf: matrices if leaf.ndim >= 2 else others)


def orthogonalise(matrix: Any, iterations: int = 5) -> Any:
    """Bring all singular values of a matrix near 1 by the quintic Newton-Schulz iteration.

    X = M / |M|, then X <- a X + (b A + c A^2) X with A = X X^T and (a, b, c) = (3.4445, -4.7750, 2.0315), chosen to
    lift small singular values fast: after 5 iterations those above a hundredth of |M| are between 0.7 and 1.2.

    Source: Jordan et al., 2024.
    """
    a, b, c = 3.4445, -4.7750, 2.0315
    tall = matrix.shape[0] > matrix.shape[1]
    X = matrix.T if tall else matrix
    X = X / jnp.maximum(jnp.sqrt(jnp.sum(X * X)), 1e-7)
    for _ in range(iterations):
        A = X @ X.T
        X = a * X + (b * A + c * (A @ A)) @ X
    return X.T if tall else X
