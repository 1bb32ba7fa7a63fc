"""Every form of a convolution computes all three passes as one convolution of XLA does; shapes meet each form."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
import pytest

from fnn.kernels import convolution, windows
from fnn.kernels.convolution import depthwise, direct, pointwise, split, unfolded, winograd

# x, w, stride, padding, dilation, groups
FORMS = {
    pointwise.forward: [((2, 7, 8, 4), (1, 1, 4, 6), (2, 3), ((1, 0), 1), 1, 1), ((2, 9, 5), (1, 5, 4), 3, 1, 2, 1)],
    depthwise.forward: [
        ((2, 7, 8, 4), (3, 2, 1, 8), 1, "SAME", 1, 4),
        ((2, 7, 8, 4), (3, 3, 1, 4), 2, ((1, 2), 0), (1, 2), 4),
        ((2, 3, 4, 2), (3, 3, 1, 2), 1, 5, 1, 2),
    ],
    split._joined: [((2, 7, 8, 4), (3, 2, 2, 6), 2, "SAME", 1, 2)],
    split._forward: [((2, 5, 4, 3, 2), (3, 2, 3, 2, 3), (2, 1, 2), "SAME", (1, 2, 1), 1)],
    winograd.forward: [
        ((9, 12, 11, 32), (3, 3, 32, 33), 1, "SAME", 1, 1),
        ((9, 12, 11, 33), (3, 3, 33, 32), 1, ((2, 0), (1, 2)), 1, 1),
    ],
    unfolded.forward: [
        ((2, 2, 2, 3), (3, 3, 3, 4), 1, 1, 1, 1),
        ((2, 4, 5, 3), (3, 2, 3, 4), (2, 1), "SAME", 1, 1),
        ((2, 7, 3), (4, 3, 2), 2, ((1, 3),), 2, 1),
    ],
    direct.forward: [((2, 7, 8, 3), (3, 2, 3, 4), (1, 2), 1, (2, 1), 1)],
}
ROWS = [(form, *row) for form, rows in FORMS.items() for row in rows]


def arrays(x, w, stride, padding, dilation):
    draw = np.random.default_rng(0)
    where = windows.windows("conv", x[1:-1], w[:-2], stride, padding, dilation)
    dy = x[0], *where.outputs, w[-1]
    return where, *(draw.normal(size=shape) for shape in (x, w, dy))


@pytest.mark.parametrize(("form", "x", "w", "stride", "padding", "dilation", "groups"), ROWS)
def test_every_form_is_the_direct_one(form, x, w, stride, padding, dilation, groups):
    where, x, w, dy = arrays(x, w, stride, padding, dilation)
    chosen = convolution.form(where, len(x), x.shape[-1], w.shape[-1], groups).forward
    assert getattr(chosen, "func", chosen) is form  # which may be bound to what it is made of

    def passes(module, x, w, dy):
        return (
            module.forward(x, w, where, groups),
            module.backward_input(dy, w, where, groups),
            module.backward_weight(x, dy, where, groups),
        )

    with jax.enable_x64(True):
        given = [jnp.asarray(array) for array in (x, w, dy)]
        got, want = (jax.jit(partial(passes, module))(*given) for module in (convolution, direct))
    for g, v in zip(got, want, strict=True):
        np.testing.assert_allclose(g, v, rtol=0, atol=16 * np.finfo(np.float64).eps * dy.size**0.5 * np.abs(v).max())


def test_on_a_gpu_every_form_is_xlas_own(monkeypatch):
    monkeypatch.setattr(jax, "default_backend", lambda: "gpu")
    for rows in FORMS.values():
        for x, w, stride, padding, dilation, groups in rows:
            where = windows.windows("conv", x[1:-1], w[:-2], stride, padding, dilation)
            chosen = convolution.form(where, x[0], x[-1], w[-1], groups)
            assert chosen.forward.func is direct.forward and chosen.forward.keywords == {"groups": groups}  # pyright: ignore


def test_minimal_filtering_takes_a_batch_in_blocks():
    where, x, w, dy = arrays((6, 5, 6, 3), (3, 3, 3, 2), 1, "SAME", 1)
    with jax.enable_x64(True):
        x, w, dy = map(jnp.asarray, (x, w, dy))
        whole = winograd.forward(x, w, where), winograd.backward_weight(x, dy, where)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(winograd, "_BLOCK_BYTES", 16 * 4 * 9 * 5 * 2)  # two images
            assert winograd._block(6, where, (3, 2)) == 2 and winograd._block(5, where, (3, 2)) == 1
            blocks = winograd.forward(x, w, where), winograd.backward_weight(x, dy, where)
    for got, want in zip(blocks, whole, strict=True):
        np.testing.assert_allclose(got, want, rtol=0, atol=1e-13)


def test_float32_of_minimal_filtering_loses_no_more_than_a_digit():
    where, x, w, _ = arrays((4, 16, 16, 64), (3, 3, 64, 64), 1, "SAME", 1)
    single = [jnp.asarray(array, jnp.float32) for array in (x, w)]
    with jax.enable_x64(True):
        want = np.asarray(direct.forward(jnp.asarray(x), jnp.asarray(w), where))
    errors = [np.abs(np.asarray(module.forward(*single, where)) - want).max() for module in (direct, winograd)]
    assert errors[1] <= 10 * errors[0], errors


def test_suits():
    where, *_ = arrays((1, 5, 5, 1), (3, 3, 1, 1), 1, 2, 1)
    assert winograd.suits(where) and not pointwise.suits(where)
    for other in ({"stride": (2, 1)}, {"dilation": (1, 2)}, {"padding": ((3, 0), (0, 0))}, {"window": (3, 2)}):
        assert not winograd.suits(where._replace(**other))


def test_every_convolution_of_xla_is_laid_out_as_its_fast_code_takes_it():
    """Inside loops XLA on a CPU brings no other layout into this form, and takes hundreds of times as long."""
    where, x, w, dy = arrays((2, 6, 5, 3), (3, 2, 3, 4), (2, 1), "SAME", 1)
    passes = (
        jax.make_jaxpr(lambda x, w: direct.forward(x, w, where))(x, w),
        jax.make_jaxpr(lambda dy, w: direct.backward_input(dy, w, where))(dy, w),
        jax.make_jaxpr(lambda x, dy: direct.backward_weight(x, dy, where))(x, dy),
    )
    for program in passes:
        (found,) = [e for e in program.eqns if e.primitive.name == "conv_general_dilated"]
        layout = found.params["dimension_numbers"]
        assert (layout.lhs_spec, layout.rhs_spec, layout.out_spec) == ((0, 3, 1, 2), (3, 2, 0, 1), (0, 3, 1, 2))
