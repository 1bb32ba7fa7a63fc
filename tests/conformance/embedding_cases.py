"""The rows of the conformance table for embeddings, and for what picks rows by integers."""

import numpy as np
from cases import Case, generator, normal

from fnn import rules


def embedding(ids, w, padding_id=None):
    return np.stack([w[i] for i in ids.reshape(-1)]).reshape(*ids.shape, w.shape[1])


def embedding_without(ids, w, padding_id):
    """Hold the row of the padding fast, as the gradient does."""
    fixed = np.where(np.arange(len(w))[:, None] == padding_id, TABLE, w)
    return embedding(ids, fixed)


IDS = generator("ids").integers(0, 4, size=(2, 3))
TABLE = normal("table", 5, 3)

EMBEDDING: list[Case] = [
    Case(rules.embedding, "one id", (np.asarray(2), TABLE), {}, embedding),
    Case(rules.embedding, "every id twice", (np.array([0, 3, 3, 0, 4]), TABLE), {}, embedding, length=2),
    Case(rules.embedding, "padding", (IDS, TABLE), {"padding_id": 1}, embedding, embedding_without, length=6),
]
