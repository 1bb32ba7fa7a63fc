"""Equal blocks of an unrolled program are folded as a scan is, and nothing else is."""

import time

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from graph_programs import KEY, Block, attend, blocks, entering, leaving, named, near, unfolded

from fnn import inspect, layers, rules
from fnn.inspect.graphs.folding import fold
from fnn.inspect.graphs.likeness import common
from fnn.inspect.graphs.program import read
from fnn.inspect.graphs.tracing import trace

X = jax.random.normal(KEY, (5, 3))
WS = [0.8 * jax.random.normal(key, (3, 3)) for key in jax.random.split(KEY, 6)]


def mlp(ws, x):
    for w in ws:
        x = rules.tanh(rules.matmul(x, w))
    return x


def folded(f, *args):
    """How many rounds and steps each fold of a program has, without measuring."""
    traced = trace(f, args, has_aux=False)
    program = fold(read(traced.closed, traced.inputs))
    return [(step.times, len(step.body.steps)) for step in program.steps if step.rounds and step.body is not None]


def shape_of(graph):
    nodes = [(node.kind, node.repeat, "" if node.kind == "input" else node.name) for node in graph.nodes]
    return nodes, [wire[:4] for wire in graph.wires], [repeat.times for repeat in graph.repeats]


def equal(graph, other, digits=2e-5):
    """Whether two graphs have the same nodes and wires, and to rounding the same numbers on them."""
    assert shape_of(graph) == shape_of(other)
    for wire, again in zip(graph.wires, other.wires, strict=True):
        for seen, want in ((wire.value, again.value), (wire.gradient, again.gradient)):
            assert (seen is None) == (want is None)
            if seen is None or want is None:
                continue
            assert seen[:2] == want[:2] and seen.times == want.times
            scale = want.norm / np.sqrt(max(1, want.times * int(np.prod(want.shape))))
            assert abs(seen.norm - want.norm) <= digits * want.norm
            assert abs(seen.mean - want.mean) <= digits * scale + 1e-7
            assert (seen.value is None) == (want.value is None)
            if seen.value is not None:
                near(seen.value, want.value, digits)


def test_an_unrolled_transformer_is_the_scan_s_graph():
    params, x = blocks(6), jax.random.normal(KEY, (4, 4))

    def unrolled(x, each):
        for p in each:
            x = attend(x, p)
        return x

    each = [Block(*(leaf[number] for leaf in params)) for number in range(6)]
    graph = inspect.graph(unrolled, x, each)
    equal(graph, inspect.graph(lambda x, p: jax.lax.scan(lambda x, p: (attend(x, p), None), x, p)[0], x, params))
    names = {node.name for node in graph.nodes if node.kind == "input"}
    assert names == {"x", *(f"each[i].{field}" for field in Block._fields)}
    assert "repeat 6 times" in str(graph)


def test_numbers_of_each_round_and_shared_sources():
    """h = tanh(w x[t] + u h): w, u and x are constants of the loop, the cut of x is a step in it."""

    def step(h, w, u, x):
        return rules.tanh(rules.add(rules.multiply(w, x), rules.multiply(u, h)))

    def unrolled(w, u, xs, h):
        for x in xs:
            h = step(h, w, u, x)
        return h

    def scanned(w, u, xs, h):
        return jax.lax.scan(lambda h, x: (step(h, w, u, x), None), h, xs)[0]

    xs = [0.5, -1.0, 2.0, 0.3]
    graph = inspect.graph(unrolled, 0.5, 0.2, xs, 0.3)
    equal(graph, inspect.graph(scanned, 0.5, 0.2, jnp.array(xs), 0.3))
    outside, port = named(graph, "u")
    assert (outside.kind, port.kind) == ("input", "begin") and len(named(graph, "xs[i]")) == 1
    assert len(leaving(graph, port)[0].gradient.value) == 4
    near(leaving(graph, outside)[0].gradient.value, sum(leaving(graph, port)[0].gradient.value), 1e-6)


@pytest.mark.parametrize("residual", (False, True))
def test_layers_are_those_of_repeat(residual):
    block = layers.serial(layers.dense(3), layers.tanh())
    block = layers.residual(block) if residual else block
    unrolled, scanned = layers.serial(*[block] * 4), layers.repeat(block, 4)
    params, state = unrolled.init(KEY, X)
    stacked_params, stacked_state = jax.tree.map(lambda *leaves: jnp.stack(leaves), *params), scanned.init(KEY, X)[1]
    graph = inspect.graph(lambda params, x: unrolled.apply(params, state, x)[0], params, X)
    scan = inspect.graph(lambda params, x: scanned.apply(params, stacked_state, x)[0], stacked_params, X)
    # repeat may hand its leaves over before its carry
    assert sorted(map(str, shape_of(graph)[0])) == sorted(map(str, shape_of(scan)[0]))
    for kind in ("rule", "step", "end"):
        pairs = zip(*([n for n in g.nodes if n.kind == kind] for g in (graph, scan)), strict=True)
        for node, again in pairs:
            for wire, want in zip(entering(graph, node), entering(scan, again), strict=True):
                near([wire.value.mean, wire.value.norm], [want.value.mean, want.value.norm], 2e-5)
                near([wire.gradient.mean, wire.gradient.norm], [want.gradient.mean, want.gradient.norm], 2e-5)
    assert graph.repeats[0].path == "serial"


def test_layers_with_dropout():
    net = layers.serial(*[layers.serial(layers.dense(3), layers.dropout(0.3))] * 4)
    params, state = net.init(KEY, X)
    f = lambda params, x, key: net.apply(params, state, x, key=key, train=True)[0]  # noqa: E731
    graph, whole = inspect.graph(f, params, X, KEY), unfolded(f, params, X, KEY)
    assert [repeat.times for repeat in graph.repeats] == [4]
    (dropout,) = named(graph, "dropout")
    assert dropout.path == "serial[i].serial[1].dropout" and len(named(graph, "from key")) == 1
    assert len(named(graph, "params[i][0].w")) == 1
    rounds = [leaving(whole, node)[0] for node in named(whole, "dropout")]
    (wire,) = leaving(graph, dropout)
    near(wire.value.mean, np.mean([one.value.mean for one in rounds]), 1e-5)
    near(wire.value.norm, np.linalg.norm([one.value.norm for one in rounds]), 1e-5)


def test_a_source_used_inside_and_outside_has_the_sum_of_its_gradients():
    """The weight is used twice in each round and once more after them; x in each round, as the carry and after."""

    def after(w, x, y):
        return jnp.sum(rules.matmul(y, w) + x)

    def once(w, x, y):
        return rules.matmul(rules.tanh(rules.matmul(y, w)), w) + x

    def unrolled(w, x):
        y = x
        for _ in range(4):
            y = once(w, x, y)
        return after(w, x, y)

    def scanned(w, x):
        return after(w, x, jax.lax.scan(lambda y, _: (once(w, x, y), None), x, None, 4)[0])

    graph = inspect.graph(unrolled, WS[0], X)
    equal(graph, inspect.graph(scanned, WS[0], X))
    outside, port = named(graph, "w")
    assert port.kind == "begin" and port.repeat == 0
    grad = jax.grad(unrolled)(WS[0], X)
    near(leaving(graph, outside)[0].gradient.norm, np.linalg.norm(grad), 1e-5)


def test_two_carries_from_one_source():
    def once(h, c, w):
        z = rules.tanh(rules.matmul(h, w))
        return rules.multiply(z, c), rules.add(z, c)

    def unrolled(w, h):
        c = h
        for _ in range(4):
            h, c = once(h, c, w)
        return rules.add(h, c)

    def scanned(w, h):
        return rules.add(*jax.lax.scan(lambda hc, _: (once(*hc, w), None), (h, h), None, 4)[0])

    graph = inspect.graph(unrolled, WS[0], X)
    equal(graph, inspect.graph(scanned, WS[0], X))
    assert str(graph).count("repeat 4 times") == 1


def test_a_repeat_inside_a_block_stays_one():
    repeated = layers.repeat(layers.serial(layers.dense(3), layers.tanh()), 2)
    net = layers.serial(*[layers.serial(repeated, layers.dense(3))] * 3)
    params, state = net.init(KEY, X)
    f = lambda params, x: net.apply(params, state, x)[0]  # noqa: E731
    graph, whole = inspect.graph(f, params, X), unfolded(f, params, X)
    assert [(repeat.times, repeat.outer) for repeat in graph.repeats] == [(3, None), (2, 0)]
    (tanh,), rounds = named(graph, "tanh"), [leaving(whole, node)[0] for node in named(whole, "tanh")]
    (wire,) = leaving(graph, tanh)
    assert len(named(graph, "params[i][0][0].w[j]")) == 1 and wire.value.times == 6
    near(wire.gradient.mean, np.mean([one.gradient.mean for one in rounds]), 1e-5)
    near(wire.gradient.norm, np.linalg.norm([one.gradient.norm for one in rounds]), 1e-5)


def odd(ws, x):
    x = mlp(ws[:3], x)
    return mlp(ws[3:], rules.relu(rules.matmul(x, ws[0] * 2.0)))


def odd_in_the_middle(ws, x):
    return mlp(ws[3:], rules.matmul(rules.relu(mlp(ws[:3], x)), jnp.ones((3, 3))))


def tapped(ws, x):
    x = mlp(ws[:2], x)
    return rules.add(x, mlp(ws[2:], x))


def tapped_before_the_last(ws, x):
    x = mlp(ws[:5], x)
    return rules.add(x, mlp(ws[5:], x))


def regularized(ws, x):
    return jnp.sum(mlp(ws, x)) + sum(jnp.sum(w * w) for w in ws)


def crossed(ws, x):
    """The rounds' leaves are not in order."""
    return mlp([ws[number] for number in (0, 3, 1, 2)], x)


def parallel(ws, x):
    return jnp.concatenate([rules.tanh(rules.matmul(x, w)) for w in ws])


def swapped(ws, x):
    """Each round but the first takes its inputs the other way round."""
    x = rules.matmul(x[:3], ws[0])
    for w in ws[1:3]:
        x = rules.matmul(w, x)
    return x


def numbers(ws, x):
    for number in range(4):
        x = jnp.sum(x, axis=number % 2, keepdims=True) * ws[0][0, 0] + x
    return x


UNFOLDED = {
    "two blocks": (mlp, (WS[:2], X)),
    "leaves in no order": (crossed, (WS, X)),
    "side by side": (parallel, (WS, X)),
    "leaves used outside": (regularized, (WS, X)),
    "swapped": (swapped, (WS, X)),
    "a parameter that differs": (numbers, (WS, X)),
}


@pytest.mark.parametrize("name", UNFOLDED)
def test_what_is_not_folded(name):
    f, args = UNFOLDED[name]
    assert folded(f, *args) == []


def test_what_stands_between_ends_a_run():
    assert folded(mlp, WS, X) == [(6, 2)] and folded(mlp, WS[:3], X) == [(3, 2)]
    assert folded(odd_in_the_middle, WS, X) == [(3, 2), (3, 2)]
    assert folded(odd, WS, X) == [(3, 2)]  # the leaf ws[0] is used elsewhere too
    assert folded(tapped, WS, X) == [(4, 2)]  # only what comes after
    assert folded(tapped_before_the_last, WS, X) == [(5, 2)]  # the last block's result may go anywhere


def test_what_a_rule_s_forward_holds_counts():
    def slopes(*each):
        def f(x):
            for slope in each:
                x = rules.leaky_relu(x, negative_slope=slope)
            return x

        return f

    assert folded(slopes(0.1, 0.1, 0.1), X) == [(3, 1)]
    assert folded(slopes(0.1, 0.2, 0.3), X) == []


def test_names_of_equal_leaves():
    assert common(["p['w'][9]", "p['w'][10]", "p['w'][11]"]) == "p['w'][i]"
    assert common(["p[2]", "p[1]", "p[0]"]) == "p[i]" and common(["p[0]", "p[2]", "p[3]"]) is None
    assert common(["block_0['w']", "block_1['w']"]) == "block_[i]['w']" and common(["x[0]", "y[1]"]) is None


def test_finding_is_quick():
    def deep(x):
        for number in range(602):
            x = jnp.sin(x) * 2.0 if number % 7 else jnp.cos(x)
        return x

    assert folded(deep, X) == [(86, 13)]
    traced = trace(deep, (X,), has_aux=False)
    program = read(traced.closed, traced.inputs)
    begin = time.process_time()
    fold(program)
    assert time.process_time() - begin < 5.0  # 1100 steps; 480 of 12 transformer blocks take 0.05 s


def test_a_product_of_numbers_is_not_folded():
    graph = inspect.graph(lambda x: x * x * x * x * x, 2.0)
    assert not graph.repeats and [node.name for node in graph.nodes].count("mul") == 4
