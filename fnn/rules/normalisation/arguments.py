"""What the normalising rules ask of their arguments."""

from jaxtyping import Array


def need_eps(name: str, eps: float) -> None:
    """Raise unless eps is a positive number."""
    if not eps > 0:
        raise ValueError(f"{name}: eps = {eps}, wanted a positive number: it stands in for a variance of 0.")


def need_channels(name: str, x: Array) -> None:
    """Raise unless x is (batch, *spatial, channels)."""
    if x.ndim < 2:
        raise ValueError(f"{name}: x has shape {x.shape}, wanted (batch, *spatial, channels).")


def need_vectors(name: str, shape: tuple[int, ...], of: str, **vectors: Array | None) -> None:
    """Raise unless each array that is given has the shape."""
    for argument, vector in vectors.items():
        if vector is not None and vector.shape != shape:
            raise ValueError(f"{name}: {argument} has shape {vector.shape}, wanted {shape}, {of}.")


def need_entries(name: str, count: int, of: str, instead: str) -> None:
    """Raise unless a statistic is taken over two entries at least."""
    if count < 2:
        held = "no entry" if count == 0 else "one entry, whose variance is 0"
        raise ValueError(f"{name}: {of} holds {held}; wanted at least two. {instead}")
