"""The memory of a training step, its numbers computed by hand."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import fnn
from fnn import inspect, layers, optim
from fnn.inspect.memory import size

N = 16
X = jax.ShapeDtypeStruct((N, 6), jnp.float32)
NET = layers.serial(layers.dense(8), layers.silu(), layers.dense(4), layers.tanh())
PARAMETERS = 6 * 8 + 8 + 8 * 4 + 4


@pytest.mark.parametrize(("dtype", "wide"), ((None, 4), (jnp.float16, 2), (jnp.float64, 8)))
def test_every_number_of_a_small_network(dtype, wide):
    with jax.enable_x64(wide == 8):
        told = inspect.memory(NET, X, dtype=dtype)
    assert (told.parameters, told.gradients, told.optimizer, told.state) == (*2 * (wide * PARAMETERS,), 0, 0)
    assert [row.parameters for row in told.rows] == [wide * (6 * 8 + 8), 0, wide * (8 * 4 + 4), 0]
    assert [row.outputs for row in told.rows] == [wide * N * 8, 0, wide * N * 4, 0]  # silu and tanh work in place
    assert [row.kept for row in told.rows] == [wide * N * n for n in (6, 8, 8, 4)]  # X; silu's input, output; tanh's
    assert told.input == wide * N * 6
    assert told.outputs == wide * N * (6 + 8 + 4)
    assert told.kept == wide * N * (6 + 8 + 8 + 4)
    assert told.total == told.parameters + told.gradients + told.kept and told.again == 0


def test_kept_is_that_of_the_summary_and_autodiff_that_of_the_summary_inside_autodiff():
    told = inspect.memory(NET, X)
    assert [row.kept for row in told.rows] == [row.bytes_kept for row in inspect.summary(NET, X).rows]
    with fnn.autodiff():
        plain = inspect.summary(NET, X)
    assert [row.autodiff for row in told.rows] == [row.bytes_kept for row in plain.rows]
    assert told.autodiff == plain.total.bytes_kept > told.kept


def test_autodiff_is_what_jax_keeps_of_the_whole_network():
    params, state = jax.eval_shape(lambda: NET.init(jax.random.key(0), jnp.ones(X.shape)))

    def both(params, x):
        return jax.vjp(lambda params, x: NET.apply(params, state, x, train=True)[0], params, x)

    with fnn.autodiff():
        jaxpr = jax.make_jaxpr(lambda *given: tuple(jax.tree.leaves(both(*given))))(params, X).jaxpr
    given = jaxpr.invars[: len(jax.tree.leaves(params))]
    total = sum(v.aval.size * 4 for v in dict.fromkeys(jaxpr.outvars[1:]) if v not in given)
    assert inspect.memory(NET, X).autodiff == total


STEP, FLOAT = 4, 4


@pytest.mark.parametrize(
    ("optimizer", "parameters", "state"),
    (
        (optim.sgd(0.1), FLOAT * PARAMETERS, STEP),
        (optim.momentum(0.1, 0.9), FLOAT * PARAMETERS, FLOAT * PARAMETERS + STEP),
        # a master copy and its velocity in float32 beside the parameters in half precision
        (optim.mixed_precision(optim.momentum(0.1, 0.9), jnp.float16), 2 * PARAMETERS, 8 * PARAMETERS + STEP),
    ),
    ids=("sgd", "momentum", "mixed precision"),
)
def test_the_optimizer_owns_the_parameters_it_gives_out(optimizer, parameters, state):
    told = inspect.memory(NET, X, optimizer=optimizer)
    assert (told.parameters, told.optimizer) == (parameters, state)


def test_a_recomputed_block_comes_back_one_at_a_time():
    block = layers.serial(layers.dense(6), layers.silu(), layers.dense(6), layers.tanh())
    saved = inspect.memory(layers.serial(*[block] * 3), X)
    told = inspect.memory(layers.serial(*[layers.recompute(block)] * 3), X)
    once = FLOAT * N * 6
    assert saved.kept == 10 * once and saved.again == 0  # a block keeps four, and its input is the one before's output
    assert told.kept == 3 * once
    assert told.again == 3 * once  # of the four, the input is there
    assert told.total - told.fixed == 6 * once
    in_repeat = inspect.memory(layers.repeat(layers.recompute(block), 3), X)
    assert (in_repeat.kept, in_repeat.again) == (told.kept, told.again)
    nested = inspect.memory(layers.recompute(layers.serial(layers.recompute(block), block)), X)
    assert nested.kept == once and nested.again == (4 + 3) * once  # the second block's four, then the first one's three


def test_layers_state_counts_and_is_not_kept():
    def apply(params, state, x, *, key=None, train=False):
        return x, state + 1

    counted = layers.layer("counted", lambda key, x: ((), jnp.zeros(7)), apply)
    net = layers.serial(counted, layers.tanh())
    told = inspect.memory(net, X, dtype=jnp.float16)
    assert (told.state, told.kept) == (28, 2 * N * 6)  # the state keeps its dtype


def test_xla_is_asked_only_when_told_to():
    assert inspect.memory(NET, X).compiled is None
    told = inspect.memory(NET, X, optimizer=optim.momentum(0.1, 0.9), compile=True)
    assert told.compiled is not None
    key = 8
    assert told.compiled.arguments >= told.parameters + told.optimizer + told.input
    assert told.compiled.arguments <= told.parameters + told.optimizer + told.input + key
    assert told.compiled.temporaries > 0 and "compiled by XLA: arguments" in str(told)


def test_nothing_is_run_however_large():
    told = inspect.memory(layers.dense(10**6, bias=False), jax.ShapeDtypeStruct((10**6, 10**6), jnp.float32))
    assert told.parameters == told.kept == 4 * 10**12 and "4000.00 GB" in str(told)


def test_the_text_has_both_tables():
    text = str(inspect.memory(layers.serial(NET, layers.recompute(NET)), X, dtype=jnp.float16))
    layer, _, step = text.partition("\n\n")
    assert layer.splitlines()[0].split("  ")[-1] == "kept by autodiff" and "serial[1].recompute" in layer
    names = [line.split("  ")[0] for line in step.splitlines() if not line.startswith("-")]
    assert names == [
        "to train",
        *("parameters", "gradients", "optimizer", "layers' state", "activations"),
        "one block again",
        "total",
    ]
    assert len({len(line) for line in step.splitlines()}) == 1


def test_sizes_are_read_by_people():
    numbers = (0, 999, 1000, 999_949, 999_950, 25_557_032, 999_949_999, 999_950_000, 11_400_000_000)
    want = "0 B,999 B,1.0 kB,999.9 kB,1.0 MB,25.6 MB,999.9 MB,1.00 GB,11.40 GB"
    assert ",".join(map(size, numbers)) == want


def test_an_integer_input_keeps_its_dtype():
    one_hot = layers.stateless("one_hot", lambda x: jax.nn.one_hot(x, 5, dtype=jnp.float16))
    told = inspect.memory(layers.serial(one_hot, layers.dense(3)), np.zeros((4,), np.int32), dtype=jnp.float16)
    assert told.input == 16 and told.parameters == 2 * (5 * 3 + 3)
