"""Attention: each query's weighted mean of the values, the weights a softmax of its scores against the keys.

q: (batch, queries, heads, features), k: (batch, keys, kv_heads, features), v: (batch, keys, kv_heads, value_features).
Each key-value head serves `heads / kv_heads` query heads in a row, and their rows are one matrix in every product.

    S = scale Q·Kᵀ, capped, biased and masked      P = exp(S - L), L = log Σ exp S over the keys      O = P·V
    dV = Pᵀ·dO     dP = dO·Vᵀ     dS = P (dP - D), D = Σ dO O over the features     dQ = scale dS·K     dK = scale dSᵀ·Q

Neither P nor S is kept: the backward makes them again from L, block by block (Dao et al., 2022, arXiv:2205.14135).
A block is some queries of some heads with all the keys that they may see, so memory grows with the keys, not with
their square, and what a causal mask or a window hides is for the most part not computed. `loops` walks the blocks, and
`tiles` is the arithmetic of one.
"""

from fnn.kernels.attention.loops import backward as backward
from fnn.kernels.attention.loops import forward as forward
from fnn.kernels.attention.tiles import Modifiers as Modifiers
from fnn.kernels.attention.tiles import Scoring as Scoring
from fnn.kernels.attention.tiles import keep_mask as keep_mask
