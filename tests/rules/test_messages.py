"""Wrong arguments are refused with a sentence: who speaks, what was given, what was wanted.

A user meets these without the run-time checks of the annotations, which the suite has on; so they are off here.
"""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn import rules

pytestmark = pytest.mark.usefixtures("without_run_time_checks")


def f(*shape):
    return np.ones(shape, np.float32)


def i(*shape):
    return np.ones(shape, np.int32)


KEY = jax.random.PRNGKey(0)
CE, NLL = rules.softmax_cross_entropy, rules.negative_log_likelihood

# the call: rule, arguments, configuration; the error; words of its sentence
WRONG = [
    (rules.linear, (f(2, 3), f(4, 5)), {}, ValueError, ["linear", "(2, 3)", "(4, 5)", "in_features"]),
    (rules.linear, (f(), f(4, 5)), {}, ValueError, ["linear", "()"]),
    (rules.linear, (f(2, 3), f(3)), {}, ValueError, ["linear", "w (3,)"]),
    (rules.linear, (f(2, 3), f(3, 5), f(3)), {}, ValueError, ["linear", "b has shape (3,)", "(5,)"]),
    (rules.matmul, (f(3), f(3, 5)), {}, ValueError, ["matmul", "(3,)", "dot"]),
    (rules.matmul, (f(2, 3), f(4, 5)), {}, ValueError, ["matmul", "(2, 3)", "(4, 5)"]),
    (rules.matmul, (f(2, 2, 3), f(3, 3, 5)), {}, ValueError, ["matmul", "(2,)", "(3,)", "broadcast"]),
    (rules.bilinear, (f(2, 3), f(2, 4), f(3, 5, 6)), {}, ValueError, ["bilinear", "(2, 4)", "(3, 5, 6)"]),
    (rules.bilinear, (f(2, 3), f(3, 4), f(3, 4, 6)), {}, ValueError, ["bilinear", "same leading axes"]),
    (rules.bilinear, (f(3), f(4), f(3, 4, 6), f(5)), {}, ValueError, ["bilinear", "b has shape (5,)", "(6,)"]),
    *(
        (rule, (f(2, 3), f(4)), {}, ValueError, [rule.name, "(2, 3)", "(4,)", "broadcast"])
        for rule in (
            rules.add,
            rules.subtract,
            rules.multiply,
            rules.divide,
            rules.maximum,
            rules.minimum,
            rules.power,
        )
    ),
    *(
        (rule, (f(1, 2, 2, 1),), {"factor": factor}, ValueError, [rule.name, f"factor = {factor}", "positive", "of 2"])
        for rule in (rules.upsample_nearest, rules.upsample_linear, rules.pixel_shuffle, rules.pixel_unshuffle)
        for factor in (0, -2, 1.5, True, (2,), (2, 0))
    ),
    *(
        (rule, (f(*shape),), {"factor": 1}, ValueError, [rule.name, str(shape), "one to three spatial axes"])
        for rule in (rules.upsample_nearest, rules.upsample_linear, rules.pixel_shuffle, rules.pixel_unshuffle)
        for shape in ((4, 4), (1, 2, 2, 2, 2, 1), (1, 0, 2, 1), (1, 2, 2, 0))
    ),
    (rules.upsample_linear, (i(1, 2, 1),), {"factor": 2}, TypeError, ["upsample_linear", "int32", "upsample_nearest"]),
    (
        rules.pixel_shuffle,
        (f(1, 2, 2, 6),),
        {"factor": 2},
        ValueError,
        ["pixel_shuffle", "6 channels", "multiple of 4"],
    ),
    (rules.pixel_unshuffle, (f(1, 2, 3, 1),), {"factor": 2}, ValueError, ["pixel_unshuffle", "(2, 3)", "pad or crop"]),
    *(
        (rules.pad, (f(1, 3, 4, 1),), {"padding": padding}, ValueError, ["pad", repr(padding), ">= 0", "tuple of 2"])
        for padding in (-1, (1,), (1, 2, 3), ((1, 2, 3), 0), ((-1, 0), 0), 1.0, "SAME", True)
    ),
    *(
        (rules.pad, (f(*shape),), {"padding": 1}, ValueError, ["pad", str(shape), "one to three spatial axes"])
        for shape in ((3, 1), (1, 2, 2, 2, 2, 1), (1, 0, 1))
    ),
    (rules.pad, (f(1, 3, 1),), {"padding": 1, "mode": "mirror"}, ValueError, ["pad", "'mirror'", "zeros, reflect"]),
    (rules.pad, (f(1, 3, 1),), {"padding": ((3, 1),), "mode": "reflect"}, ValueError, ["(3, 1)", "size 3", "most 2"]),
    (rules.pad, (f(1, 3, 1),), {"padding": ((0, 4),), "mode": "circular"}, ValueError, ["(0, 4)", "size 3", "most 3"]),
    (rules.conv, (f(1, 5, 3), f(3, 2, 4)), {}, ValueError, ["conv", "3 features", "(3, 2, 4)", "groups = 1"]),
    *(
        (rule, (f(1, 5, 4), f(3, 2, outputs)), {"groups": groups}, ValueError, [rule.name, f"groups = {groups}"])
        for rule in (rules.conv, rules.conv_transpose)
        for outputs, groups in ((3, 2), (4, 1), (4, 0), (4, 2.0), (4, True))
    ),
    *(
        (rule, arguments, static, error, [rule.name, *words])
        for rule in (rules.conv, rules.conv_transpose)
        for arguments, static, error, words in (
            ((f(1, 5, 3), f(3, 3, 4), f(3)), {}, ValueError, ["b has shape (3,)", "(4,)"]),
            ((f(1, 5, 3), f(3, 3, 4), f(1, 4)), {}, ValueError, ["b has shape (1, 4)", "(4,)"]),
            ((f(1, 0, 5, 3), f(3, 3, 3, 4)), {"padding": 2}, ValueError, ["(0, 5)", "no empty axis"]),
            ((f(5, 3), f(3, 4)), {}, ValueError, ["(5, 3)", "one to three spatial axes"]),
            ((f(1, 2, 2, 2, 2, 3), f(1, 1, 1, 1, 3, 4)), {}, ValueError, ["(1, 2, 2, 2, 2, 3)", "one to three"]),
            ((f(1, 5, 5, 3), f(3, 3, 4)), {}, ValueError, ["(1, 5, 5, 3)", "w (3, 3, 4)", "as many window"]),
            ((f(1, 5, 5, 3), f(3, 0, 3, 4)), {}, ValueError, ["window = (3, 0)", "positive"]),
            ((f(1, 5, 3), f(3, 3, 4)), {"dilation": 0}, ValueError, ["dilation = 0", "positive"]),
            ((f(1, 5, 3), f(3, 3, 4)), {"stride": (1, 2)}, ValueError, ["stride = (1, 2)", "a tuple of 1"]),
            ((f(1, 5, 3), f(3, 3, 4)), {"stride": 1.5}, ValueError, ["stride = 1.5", "positive"]),
            ((i(1, 5, 3), f(3, 3, 4)), {}, TypeError, ["x is int32 and w float32", "floating point"]),
            ((f(1, 5, 3), i(3, 3, 4)), {}, TypeError, ["x is float32 and w int32", "floating point"]),
        )
    ),
    *(
        (rule, (f(1, 5, 3), f(3, 3, 4)), {"padding": padding}, ValueError, [rule.name, repr(padding), "'SAME'", ">= 0"])
        for rule in (rules.conv, rules.conv_transpose)
        for padding in ("same", -1, 1.0, (1, 1), ((1, 2, 3),))
    ),
    (rules.conv, (f(1, 4, 3), f(3, 3, 4)), {"dilation": 2}, ValueError, ["(3,)", "spans (5,)", "padded input (4,)"]),
    (rules.conv, (f(1, 1, 3), f(4, 3, 4)), {"padding": 1}, ValueError, ["(4,)", "(3,)", "pad more"]),
    (rules.conv_transpose, (f(1, 1, 3), f(3, 3, 4)), {"padding": 2}, ValueError, ["padding 2", "(3,)", "pad less"]),
    *(
        (rules.conv_transpose, (f(1, 5, 3), f(3, 3, 4)), {"output_padding": more}, ValueError, [f"= {more}", ">= 0"])
        for more in (1, -1, (0, 0), 0.0)
    ),
    (rules.im2col, (f(5, 3),), {"window": 2}, ValueError, ["im2col", "(5, 3)", "one to three spatial axes"]),
    (rules.im2col, (f(1, 3, 1),), {"window": 4}, ValueError, ["im2col", "(4,)", "padded input (3,)"]),
    (rules.col2im, (f(1, 4, 2, 1),), {"size": 4}, ValueError, ["col2im", "(1, 4, 2, 1)", "(3,) windows", "(4,)"]),
    (rules.col2im, (f(1, 3, 2, 1),), {"size": (4, 4)}, ValueError, ["col2im", "size = (4, 4)", "a tuple of 1"]),
    (rules.col2im, (f(1, 3, 1),), {"size": 4}, ValueError, ["col2im", "(1, 3, 1)", "*outputs, *window"]),
    (rules.embedding, (f(3), f(4, 2)), {}, TypeError, ["embedding", "float32", "integers"]),
    (rules.embedding, (i(3), f(4)), {}, ValueError, ["embedding", "w has shape (4,)", "table"]),
    (rules.embedding, (i(3), f(4, 2)), {"padding_id": 4}, ValueError, ["embedding", "padding_id = 4", "0..3"]),
    *(
        (rules.linear_cross_entropy, arguments, static, error, ["linear_cross_entropy", *words])
        for arguments, static, error, words in (
            ((f(2, 3), f(3, 5), f(2, 5)), {}, TypeError, ["float32", "softmax_cross_entropy"]),
            ((f(2, 3), f(5, 3), i(2)), {}, ValueError, ["(2, 3)", "(5, 3)", "table.T"]),
            ((f(2, 3), f(3, 5), i(3)), {}, ValueError, ["targets (3,)"]),
            ((f(2, 3), f(3, 5), i(2), None, f(3)), {}, ValueError, ["b has shape (3,)", "(5,)"]),
            ((f(2, 3), f(3, 5), i(2), None, None, f(3)), {}, ValueError, ["class_weights has shape (3,)", "(5,)"]),
            ((f(2, 3), f(3, 5), i(2), f(3)), {}, ValueError, ["weights", "(3,)", "(2,)"]),
            ((f(2, 3), f(3, 5), i(2)), {"label_smoothing": 1.0}, ValueError, ["label_smoothing = 1.0", "< 1"]),
            ((f(2, 3), f(3, 5), i(2)), {"soft_cap": 0.0}, ValueError, ["soft_cap = 0.0", "positive"]),
            ((f(2, 3), f(3, 5), i(2)), {"reduction": "all"}, ValueError, ["'all'", "'mean'"]),
        )
    ),
    (rules.route, (f(2, 3),), {"k": 4}, ValueError, ["route", "k = 4", "(2, 3)", "1 <= k"]),
    (rules.balance_loss, (f(2, 3), i(3, 1)), {}, ValueError, ["balance_loss", "(2, 3)", "(3, 1)"]),
    (rules.dispatch, (f(2, 3), i(3, 1)), {}, ValueError, ["dispatch", "(2, 3)", "(3, 1)", "(tokens, k)"]),
    (rules.dispatch, (f(2, 3), i(2, 1)), {"capacity": 0}, ValueError, ["dispatch", "capacity = 0", "at least 1"]),
    (rules.combine, (f(2, 3, 4), f(5, 1), i(5, 2)), {}, ValueError, ["combine", "(5, 1)", "(5, 2)"]),
    (rules.concatenate, ((f(2, 3), f(3, 3)),), {}, ValueError, ["concatenate", "[(2, 3), (3, 3)]", "axis 1"]),
    (rules.concatenate, ((f(2, 3), f(2)),), {}, ValueError, ["concatenate", "[(2, 3), (2,)]", "equal shapes"]),
    (rules.concatenate, ((f(2, 3),),), {"axis": 2}, ValueError, ["concatenate", "axis = 2", "[(2, 3)]"]),
    (rules.concatenate, ((f(),),), {}, ValueError, ["concatenate", "axis = -1", "[()]"]),
    (rules.concatenate, ((f(2), i(2)),), {}, TypeError, ["concatenate", "float32, int32", "one dtype"]),
    (rules.concatenate, ((),), {}, TypeError, ["concatenate", "a tuple of none", "at least one"]),
    (rules.concatenate, (f(2, 3),), {}, TypeError, ["concatenate", "wanted a tuple of at least one"]),
    (rules.copy, (f(2),), {"count": 0}, ValueError, ["copy", "count = 0", "at least 1"]),
    (rules.sum, (f(2, 3),), {"axis": 2}, ValueError, ["sum", "axis = 2", "2 axes"]),
    (rules.mean, (f(2, 3),), {"axis": (0, -2)}, ValueError, ["mean", "(0, -2)", "distinct"]),
    (rules.dot, (f(2), f(3)), {}, ValueError, ["dot", "(2,)", "(3,)"]),
    (rules.dot, (f(), f()), {}, ValueError, ["dot", "at least one axis"]),
    (rules.dropout, (f(2), KEY), {"rate": 1.0}, ValueError, ["dropout", "rate = 1.0", "0 <= rate < 1"]),
    (rules.dropout, (f(2), KEY), {"rate": -0.1}, ValueError, ["dropout", "rate = -0.1"]),
    (rules.dropout, (f(2), KEY), {"rate": float("nan")}, ValueError, ["dropout", "rate = nan"]),
    (rules.relu, (i(2),), {}, TypeError, ["relu", "int32", "floating point"]),
    (rules.tanh, (f(2).astype(np.complex64),), {}, TypeError, ["tanh", "complex64", "floating point"]),
    (rules.elu, (f(2),), {"alpha": 0.0}, ValueError, ["elu", "alpha = 0.0", "positive"]),
    (rules.celu, (f(2),), {"alpha": -1.0}, ValueError, ["celu", "alpha = -1.0", "positive"]),
    (rules.softplus, (f(2),), {"beta": 0.0}, ValueError, ["softplus", "beta = 0.0", "positive"]),
    (rules.leaky_relu, (f(2),), {"negative_slope": 0.0}, ValueError, ["leaky_relu", "= 0.0", "relu"]),
    (rules.prelu, (f(2, 3), f(2)), {}, ValueError, ["prelu", "slope", "(2,)", "(3,)"]),
    (rules.hard_tanh, (f(2),), {"low": 1.0, "high": 1.0}, ValueError, ["hard_tanh", "low < high"]),
    (rules.soft_shrink, (f(2),), {"lambd": -1.0}, ValueError, ["soft_shrink", "lambd = -1.0"]),
    (rules.hard_shrink, (f(2),), {"lambd": float("nan")}, ValueError, ["hard_shrink", "lambd = nan"]),
    (rules.ramp, (f(2),), {"c": 1.0}, ValueError, ["ramp", "c < d"]),
    (rules.gaussian, (f(2),), {"sigma": 0.0}, ValueError, ["gaussian", "sigma = 0.0"]),
    *(
        (rule, (f(2, 4),), {"axis": 2}, ValueError, [rule.name, "(2, 4)"])
        for rule in (rules.softmax, rules.softmin, rules.log_softmax, rules.glu, rules.swiglu, rules.geglu)
    ),
    *(
        (rule, (f(2, 3),), {}, ValueError, [rule.name, "(2, 3)", "even"])
        for rule in (rules.glu, rules.swiglu, rules.geglu)
    ),
    (rules.maxout, (f(2, 3),), {}, ValueError, ["maxout", "(2, 3)", "pieces = 2"]),
    (rules.maxout, (f(2, 3),), {"pieces": 0}, ValueError, ["maxout", "pieces = 0"]),
    *(
        (rule, (f(4, 1), f(4)), {}, ValueError, [rule.name, "(4, 1)", "(4,)", "does not broadcast"])
        for rule in (
            rules.squared_error,
            rules.half_squared_error,
            rules.absolute_error,
            rules.huber,
            rules.poisson_nll,
            rules.binary_cross_entropy,
            rules.sigmoid_cross_entropy,
            rules.kl_divergence,
            rules.hinge,
            rules.squared_hinge,
            rules.cosine_distance,
        )
    ),
    (rules.gaussian_nll, (f(4), f(4), f(1)), {}, ValueError, ["gaussian_nll", "variance (1,)"]),
    (rules.triplet_margin, (f(4, 2), f(4, 2), f(4, 3)), {}, ValueError, ["triplet_margin", "negative (4, 3)"]),
    (rules.huber, (f(4), f(4)), {"delta": 0.0}, ValueError, ["huber", "delta = 0.0"]),
    (rules.squared_error, (f(4), f(4)), {"reduction": "avg"}, ValueError, ["squared_error", "'avg'", "'mean'"]),
    (rules.squared_error, (f(4, 2), f(4, 2), f(2)), {}, ValueError, ["squared_error", "weights", "(2,)", "(4, 2)"]),
    (rules.multiclass_hinge, (f(4, 3), i(3)), {}, ValueError, ["multiclass_hinge", "(4, 3)", "(3,)", "classes"]),
    (rules.multiclass_hinge, (f(), i()), {}, ValueError, ["multiclass_hinge", "()", "classes"]),
    (CE, (f(4, 3), i(4, 3)), {}, ValueError, ["softmax_cross_entropy", "(4, 3)", "integer labels", "(4,)"]),
    (CE, (f(4, 3), f(4)), {}, ValueError, ["softmax_cross_entropy", "distributions", "(4,)", "(4, 3)"]),
    (CE, (f(4, 3), np.ones(4, bool)), {}, TypeError, ["softmax_cross_entropy", "bool", "integer labels"]),
    (CE, (f(4, 3), i(4), None, f(4)), {}, ValueError, ["softmax_cross_entropy", "class_weights", "(4,)", "(3,)"]),
    (CE, (f(4, 3), i(4), f(3)), {}, ValueError, ["softmax_cross_entropy", "weights", "(3,)", "(4,)"]),
    (CE, (f(4, 3), i(4)), {"label_smoothing": 1.0}, ValueError, ["softmax_cross_entropy", "label_smoothing = 1.0"]),
    (CE, (f(), i()), {}, ValueError, ["softmax_cross_entropy", "()"]),
    (rules.cross_entropy, (f(4, 3), i(3)), {}, ValueError, ["cross_entropy", "(4, 3)", "(3,)"]),
    (NLL, (f(4, 3), i(3)), {}, ValueError, ["negative_log_likelihood", "(4, 3)", "(3,)"]),
    (NLL, (f(4, 3), i(4), None, f(2)), {}, ValueError, ["negative_log_likelihood", "class_weights", "(2,)"]),
]


@pytest.mark.parametrize("number", range(len(WRONG)), ids=lambda k: f"{WRONG[k][0].name}-{k}")
def test_wrong_arguments_are_refused_in_a_sentence(number):
    rule, arguments, static, error, words = WRONG[number]
    with pytest.raises(error) as caught:
        jax.eval_shape(lambda *a: rule(*a, **static), *arguments)
    missing = [word for word in words if word not in str(caught.value)]
    assert not missing, f"{missing} not in: {caught.value}"


def test_the_right_call_beside_each_wrong_one_passes():
    jax.eval_shape(CE, f(4, 3), i(4), f(4), f(3))
    jax.eval_shape(rules.linear, f(2, 3), f(3, 5), f(5))
    assert jnp.isfinite(rules.squared_error(f(4, 2), f(4, 2), f(4)))
