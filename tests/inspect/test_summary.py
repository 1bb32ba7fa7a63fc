"""The table of a network, its numbers computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import inspect, layers, rules

KEY = jax.random.key(0)
FLOAT = 4  # bytes
N = 5
X = jax.ShapeDtypeStruct((N, 6), jnp.float32)


def rows(net, x=X):
    return {row.layer: row for row in inspect.summary(net, x).rows}


def products(rows, inputs, outputs):
    """FLOPs of one matrix product: a multiplication and an addition each."""
    return 2 * rows * inputs * outputs


@pytest.mark.parametrize("bias", (True, False))
def test_flops_of_a_dense_layer(bias):
    row = rows(layers.dense(4, bias=bias))["dense"]
    one = products(N, 6, 4)
    assert row.forward_flops == one + bias * N * 4
    assert row.backward_flops == 2 * one + bias * (N - 1) * 4  # dX, dW, and the sum of N rows of dY
    assert row.parameters == 6 * 4 + bias * 4 and row.output == "(5, 4)"
    assert row.bytes_kept == N * 6 * FLOAT  # x; the weight is a parameter


def test_a_buffer_counts_once_at_the_first_that_keeps_it():
    net = layers.serial(
        layers.dense(4), layers.relu(), layers.dense(3), layers.tanh(), layers.dense(2), layers.sigmoid()
    )
    kept = {path.split(".")[-1] + path[6:9]: row.bytes_kept for path, row in rows(net).items()}
    assert kept == {
        "dense[0]": N * 6 * FLOAT,  # the input
        "relu[1]": N * 4 * FLOAT,  # its output, which the next layer needs too
        "dense[2]": 0,
        "tanh[3]": N * 3 * FLOAT,
        "dense[4]": 0,
        "sigmoid[5]": N * 2 * FLOAT,
    }


def test_dropout_keeps_a_key_and_parallel_shares_its_input():
    net = layers.serial(
        layers.dropout(0.5),
        layers.parallel(layers.dense(4), layers.dense(4), layers.silu()),
        layers.concatenate(),
        layers.dense(1),
    )
    table = rows(net)
    assert table["serial[0].dropout"].bytes_kept == 8  # a threefry key: two words
    branches = [row.bytes_kept for path, row in table.items() if "parallel" in path]
    assert branches == [N * 6 * FLOAT, 0, 0]  # all three keep the same x
    assert table["serial[2].concatenate"].bytes_kept == 0
    assert table["serial[3].dense"].bytes_kept == N * 14 * FLOAT  # the joined branches


def test_repeat_multiplies():
    times = 3
    body = layers.serial(layers.dense(6), layers.tanh())
    once, often = inspect.summary(body, X), inspect.summary(layers.repeat(body, times), X)
    assert [row.layer for row in often.rows] == ["repeat[:3].serial[0].dense", "repeat[:3].serial[1].tanh"]
    for column in ("parameters", "without_bias", "forward_flops", "backward_flops", "bytes_kept"):
        assert [getattr(row, column) for row in often.rows] == [times * getattr(row, column) for row in once.rows]


def test_the_total_is_the_sum_and_the_text_is_aligned():
    table = inspect.summary(layers.serial(layers.dense(1000), layers.relu(), layers.dense(2)), X)
    assert table.total[:2] == ("total", "(5, 2)")
    assert table.total[2:] == tuple(sum(column) for column in zip(*(row[2:] for row in table.rows), strict=True))
    lines = str(table).splitlines()
    assert lines[0].split("  ")[0] == "layer" and lines[0].endswith("bytes kept") and "7,000" in lines[2]
    assert len({len(line) for line in lines}) == 1 and set(lines[1]) == set(lines[-2]) == {"-"}
    ends = [
        lines[0].index(head) + len(head)
        for head in ("parameters", "without bias", "forward FLOPs", "backward FLOPs", "bytes kept")
    ]
    for line in (*lines[2:-2], lines[-1]):
        assert all(line[end - 1].isdigit() and line[end : end + 2] in ("  ", "") for end in ends)


def test_the_network_of_the_lectures_has_20_weights_and_6_biases():
    table = inspect.summary(layers.serial(layers.dense(4), layers.dense(2)), jnp.ones((1, 3)))
    assert (table.total.parameters, table.total.without_bias) == (26, 20)
    assert [row.without_bias for row in table.rows] == [3 * 4, 4 * 2]


def test_a_layer_around_others_has_what_it_adds():
    block = layers.serial(layers.dense(6), layers.tanh())
    inside, around = inspect.summary(block, X).total, inspect.summary(layers.residual(block), X)
    *_, residual = around.rows
    assert residual == ("residual", "(5, 6)", 0, 0, N * 6, N * 6, 0)  # X + inner(X), and the two cotangents of X
    assert around.total.parameters == inside.parameters and around.total.bytes_kept == inside.bytes_kept


def test_a_layer_of_ones_own_around_others_keeps_what_it_keeps():
    inner = layers.dense(6)

    def apply(params, state, x, *, key=None, train=False):
        y, state = inner.apply(params["inner"], state, x, key=key, train=train)
        return rules.multiply(rules.tanh(y), params["s"]), state

    def init(key, x):
        params, state = inner.init(key, x)
        return {"inner": params, "s": jnp.ones(6)}, state

    net = layers.serial(layers.layer("scaled", init, apply), layers.dense(1))
    dense, scaled, last = inspect.summary(net, X).rows
    assert (dense.parameters, scaled.parameters, scaled.without_bias) == (42, 6, 6)
    assert (dense.bytes_kept, scaled.bytes_kept, last.bytes_kept) == (
        N * 6 * FLOAT,
    ) * 3  # x; tanh's output; the product


def test_recompute_keeps_its_input_and_pays_by_a_second_forward():
    block = layers.serial(layers.dense(6), layers.tanh(), layers.dropout(0.3), layers.dense(6), layers.sigmoid())
    saved, again = inspect.summary(block, X), inspect.summary(layers.recompute(block), X)
    *inside, own = again.rows
    assert [row._replace(layer="", bytes_kept=0) for row in saved.rows] == [row._replace(layer="") for row in inside]
    assert own[:4] == ("recompute", "(5, 6)", 0, 0) and own.forward_flops == 0
    assert own.backward_flops == saved.total.forward_flops
    assert own.bytes_kept == N * 6 * FLOAT + 8  # x and the key of dropout
    thrice = inspect.summary(layers.repeat(layers.recompute(block), 3), X)
    assert thrice.rows[-1].bytes_kept == 3 * own.bytes_kept


def test_recompute_does_not_run_again_what_its_backward_does_not_need():
    block = layers.serial(layers.tanh(), layers.dense(6))
    assert inspect.summary(layers.recompute(block), X).rows[-1].backward_flops == N * 6  # tanh alone


NETWORKS = {
    "mlp": layers.serial(layers.dense(7), layers.relu(), layers.dense(6), layers.gelu(), layers.dense(2)),
    "saves": layers.serial(layers.dense(7), layers.tanh(), layers.dropout(0.3), layers.dense(4), layers.softmax()),
    "branches": layers.serial(
        layers.parallel(layers.dense(4), layers.serial(layers.dense(4), layers.silu())),
        layers.add(),
        layers.prelu(),
        layers.scale(),
    ),
    "residual": layers.serial(layers.residual(layers.serial(layers.dense(6), layers.tanh())), layers.dense(2)),
    "repeat": layers.serial(layers.dense(8), layers.repeat(layers.serial(layers.dense(8), layers.elu()), 3)),
    "recompute": layers.serial(
        layers.dense(8),
        layers.recompute(layers.serial(layers.dense(8), layers.tanh(), layers.dropout(0.2))),
        layers.repeat(
            layers.recompute(layers.residual(layers.serial(layers.dense(8), layers.recompute(layers.silu())))), 2
        ),
        layers.dense(1),
    ),
    "glu": layers.serial(layers.dense(8), layers.swiglu(), layers.maxout(), layers.log_softmax()),
}


@pytest.mark.parametrize("net", NETWORKS.values(), ids=NETWORKS.keys())
def test_the_bytes_are_those_that_vjp_keeps_for_the_whole_network(net):
    """Equal, because the rules keep arguments and outputs themselves, which the layers hand on without a copy.

    The leaves of `jax.vjp` list a buffer as often as a layer keeps it, so the jaxpr's variables are counted, which
    are one for one array. Not counted are parameters, as they come in.
    """
    params, state = jax.eval_shape(lambda key: net.init(key, X), KEY)

    def both(params, x, key):
        return jax.vjp(lambda params, x: net.apply(params, state, x, key=key, train=True)[0], params, x)

    state = jax.tree.map(lambda leaf: jnp.zeros(leaf.shape, leaf.dtype), state)
    jaxpr = jax.make_jaxpr(lambda *given: tuple(jax.tree.leaves(both(*given))))(params, X, KEY).jaxpr
    given = jaxpr.invars[: len(jax.tree.leaves(params))]
    residuals = dict.fromkeys(v for v in jaxpr.outvars[1:] if v not in given)
    total = sum(bytes_of(variable.aval) for variable in residuals)
    assert inspect.summary(net, X).total.bytes_kept == total > 0


def bytes_of(aval):
    if jnp.issubdtype(aval.dtype, jax.dtypes.prng_key):
        return 8
    return aval.size * aval.dtype.itemsize


def test_half_precision_keeps_half():
    net = NETWORKS["mlp"]
    full, half = (
        inspect.summary(net, jax.ShapeDtypeStruct((N, 6), dtype)).total for dtype in (jnp.float32, jnp.bfloat16)
    )
    assert (half.bytes_kept, half.parameters) == (full.bytes_kept // 2, full.parameters)


def test_arrays_serve_as_shapes_and_nothing_is_run():
    net = layers.serial(layers.dense(3), layers.relu())
    assert inspect.summary(net, np.ones((N, 6), np.float32)) == inspect.summary(net, X)
    huge = inspect.summary(layers.dense(10**6, bias=False), jax.ShapeDtypeStruct((10**6, 10**6), jnp.float32))
    assert huge.total.parameters == 10**12


def test_a_single_layer_and_an_empty_network_have_a_table():
    assert [row.layer for row in inspect.summary(layers.relu(), X).rows] == ["relu"]
    assert inspect.summary(layers.serial(), X).total[2:] == (0, 0, 0, 0, 0)


def test_a_wrong_input_is_told_with_the_path():
    with pytest.raises(layers.LayerError, match=r"serial\[0\].dense: x is int32"):
        inspect.summary(layers.serial(layers.dense(3)), jnp.ones((2, 3), jnp.int32))
