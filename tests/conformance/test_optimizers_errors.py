"""Every optimizer names the leaf of a gradient that does not match, and every algorithm the number that is none."""

import inspect

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from optimizers_table import ALGORITHMS, OPTIMIZERS, random_tree

algorithms = pytest.mark.parametrize("row", ALGORITHMS.values(), ids=ALGORITHMS.keys())

WRONG = {
    "missing": (lambda w, b: {"first": {"w": None, "b": None}, "b": b}, TypeError, "lack the leaf first/w"),
    "extra": (lambda w, b: {"first": {"w": w, "b": b}, "b": b}, TypeError, "a leaf first/b, which"),
    "shape": (
        lambda w, b: {"first": {"w": w[:, :2], "b": None}, "b": b},
        ValueError,
        r"first/w has shape \(3, 2\); .* \(3, 4\)",
    ),
    "dtype": (
        lambda w, b: {"first": {"w": w.astype(jnp.bfloat16), "b": None}, "b": b},
        TypeError,
        "first/w has dtype bfloat16; .* float(16|32)",
    ),
    "containers": (lambda w, b: {"first": (w, None), "b": b}, TypeError, "the gradients"),
}


@pytest.mark.parametrize("wrong", WRONG.values(), ids=WRONG.keys())
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_a_gradient_tree_that_does_not_match_is_named(make, wrong):
    change, error, message = wrong
    optimizer = make()
    state = jax.eval_shape(optimizer.init, random_tree(0))
    right = jax.tree.map(lambda g, p: g.astype(p.dtype), random_tree(1), jax.eval_shape(optimizer.params, state))
    with pytest.raises(error, match=message):
        jax.eval_shape(optimizer.update, state, change(right["first"]["w"], right["b"]))


@pytest.mark.parametrize("dtype", [np.int32, np.bool_, np.complex64])
@pytest.mark.parametrize("make", OPTIMIZERS.values(), ids=OPTIMIZERS.keys())
def test_parameters_that_are_no_real_numbers_are_named(make, dtype):
    with pytest.raises(TypeError, match=f"parameter count has dtype {np.dtype(dtype)}"):
        make().init({"count": np.ones(2, dtype)})


@algorithms
def test_bad_hyper_parameters_are_named(row):
    with pytest.raises(ValueError, match=r"learning_rate is -0\.1.*maximize=True"):
        row.make(learning_rate=-0.1)
    with pytest.raises(ValueError, match="learning_rate is nan"):
        row.make(learning_rate=float("nan"))
    with pytest.raises(ValueError, match=r"weight_decay is -1"):
        row.make(weight_decay=-1)
    names = inspect.signature(row.make).parameters
    for name in {"mu", "beta", "beta1", "beta2", "rho", "alpha", "momentum"} & set(names):
        for value in (1.0, -0.1):
            with pytest.raises(ValueError, match=f"{name} is {value}"):
                row.make(**{name: value})
    if "eps" in names:
        with pytest.raises(ValueError, match="eps is -1"):
            row.make(eps=-1)
