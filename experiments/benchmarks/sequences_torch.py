"""PyTorch's side of the sequences benchmark: the same operations, and the transformer with its step."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from experiments.benchmarks.operations import Case
from experiments.benchmarks.sequences_steps import DECAY, RATE, Job
from experiments.benchmarks.torch_timing import time_both, torch
from experiments.benchmarks.torch_timing import timed as timed
from experiments.benchmarks.training_steps import Program

nn = torch.nn
functional = nn.functional


def time_case(case: Case, arguments: tuple[Any, ...], ours: Any, rounds: int) -> list[float]:
    """Return the seconds of forward and backward of the case, `rounds` times."""
    arrays = [np.asarray(a) for a in arguments]
    *tensors, dy = (torch.tensor(a) for a in (case.layout(*arrays) if case.layout else arrays))
    return time_both(case, [t if t.is_floating_point() else t.long() for t in tensors], dy, ours, rounds)


class Block(nn.Module):
    """A block of GPT-2."""

    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1, self.qkv, self.out = nn.LayerNorm(width), nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.norm2, self.up, self.down = nn.LayerNorm(width), nn.Linear(width, 4 * width), nn.Linear(4 * width, width)

    def forward(self, x):
        """Return x + attention(norm x), plus the perceptron of its norm."""
        batch, time, width = x.shape
        q, k, v = self.qkv(self.norm1(x)).view(batch, time, 3, self.heads, -1).permute(2, 0, 3, 1, 4)
        y = functional.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.out(y.transpose(1, 2).reshape(batch, time, width))
        return x + self.down(functional.gelu(self.up(self.norm2(x)), approximate="tanh"))


class Transformer(nn.Module):
    """GPT-2, whose head is its table of tokens."""

    def __init__(self, job: Job):
        super().__init__()
        self.tokens, self.positions = nn.Embedding(job.vocabulary, job.width), nn.Embedding(job.time, job.width)
        self.blocks = nn.ModuleList(Block(job.width, job.heads) for _ in range(job.depth))
        self.norm = nn.LayerNorm(job.width)

    def forward(self, ids):
        """Return the logits of each next token."""
        x = self.tokens(ids) + self.positions.weight
        for block in self.blocks:
            x = block(x)
        return functional.linear(self.norm(x), self.tokens.weight)


def program(job: Job, leaves: Sequence[np.ndarray], ids: Any) -> Program:
    """Return torch's training step on one batch, from parameters in the order in which the network uses them."""
    net = Transformer(job)
    with torch.no_grad():
        for (name, parameter), leaf in zip(net.named_parameters(), leaves, strict=True):
            table = leaf.ndim < 2 or name.startswith(("tokens", "positions"))
            parameter.copy_(torch.tensor(leaf if table else leaf.T))
    optimizer = torch.optim.AdamW(net.parameters(), lr=RATE, weight_decay=DECAY)
    given = torch.tensor(np.asarray(ids)).long()
    x, y = given[:, :-1].contiguous(), given[:, 1:].contiguous()

    def step(state):
        optimizer.zero_grad(set_to_none=True)
        loss = functional.cross_entropy(net(x).flatten(0, 1), y.flatten())
        loss.backward()
        optimizer.step()
        return state, loss.detach()

    return Program(None, step)
