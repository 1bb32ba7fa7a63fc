"""Every hypothesis about a wrong array is recognised on random arrays, and none where nothing is wrong or all is."""

from typing import Any

import jax.numpy as jnp
import numpy as np
import pytest

from fnn.check.diagnosis import diagnose, near, slack

SEEDS = range(5)
SHAPES = [(), (1,), (7,), (4, 5), (1, 6), (6, 1), (5, 5), (2, 3, 4), (2, 2, 2, 2)]


class Draw:
    """One gradient and what it is made of: dx = dy · x · gamma for arrays of (4, 5) and a vector of 5."""

    def __init__(self, seed):
        rng = np.random.default_rng(seed)
        self.x, self.dy, self.square, self.other = (rng.normal(size=s) for s in ((4, 5), (4, 5), (5, 5), (4, 5)))
        self.gamma, self.w = rng.normal(size=5), rng.normal(size=(5, 5))
        self.column, self.row = rng.normal(size=(4, 1)), rng.normal(size=5)
        self.want = self.dy * self.x * self.gamma
        self.shuffled = rng.permutation(self.want.ravel()).reshape(4, 5)
        self.given: dict[str, Any] = {
            "arguments": {"x": self.x, "gamma": self.gamma, "w": self.w},
            "known": {"dy": self.dy},
        }

    def changed(self, index, value):
        got = self.want.copy()
        got[index] = value
        return got


def rounded(array, dtype):
    return np.asarray(jnp.asarray(array, jnp.float32).astype(dtype)) if dtype == jnp.bfloat16 else array.astype(dtype)


# What is said; then of a draw: what is got; what is wanted, unless it is `want`; what else is given.
SAID = {
    # of values
    "it is zero everywhere: the cotangent is missing": lambda d: (0 * d.want,),
    "it has the wrong sign everywhere": lambda d: (-d.want,),
    "it is 2 times the wanted value: counted twice?": lambda d: (2 * d.want,),
    "it is minus 1/2 of the wanted value: one of two equal terms left out?": lambda d: (-d.want / 2,),
    "it is 4 times the wanted value, 4 being the size of axis 0: a sum where a mean is wanted?": lambda d: (
        4 * d.want,
    ),
    "it is 1/5 of the wanted value, 5 being the size of axis 1: a mean where a sum is wanted?": lambda d: (d.want / 5,),
    "it is 1/20 of the wanted value, 20 being the number of entries: a mean where a sum is wanted?": lambda d: (
        d.want / 20,
    ),
    "it is 5/4 of the wanted value, 5 being the size of axis 1: divided by 4 instead of 5?": lambda d: (d.want * 1.25,),
    "it is 3/4 of the wanted value, 4 being the size of axis 0: divided by 4 instead of 3?": lambda d: (d.want * 0.75,),
    "it is 1/sqrt(5) of the wanted value, 5 being the size of axis 1": lambda d: (d.want / 5**0.5,),
    "it is 9 times the wanted value, 9 being one of the sizes: a sum where a mean is wanted?": lambda d: (
        9 * d.want,
        d.want,
        {"sizes": (9,)},
    ),
    "it is 4 times the wanted value, 4 being the size of axis 0 of x: a sum where a mean is wanted?": lambda d: (
        4 * d.want[0],
        d.want[0],
    ),
    "it is 1.001 times the wanted value": lambda d: (1.001 * d.want,),
    "it is (1 + 1e-08) times the wanted value": lambda d: ((1 + 1e-8) * d.want,),
    "it is what b wants: swapped?": lambda d: (d.other, d.want, {"others": {"b": d.other}}),
    "it is minus what b wants: swapped?": lambda d: (-d.other, d.want, {"others": {"b": d.other}}),
    "it lacks the factor gamma": lambda d: (d.dy * d.x,),
    "it lacks the factor x, and has the wrong sign": lambda d: (-d.dy * d.gamma,),
    "it is the wanted value times x": lambda d: (d.want * d.x,),
    "it lacks the factor x**2": lambda d: (d.dy, d.dy * d.x**2),
    "it lacks the factor (1 - x)": lambda d: (d.dy * d.gamma, d.dy * d.gamma * (1 - d.x)),
    "it is dy": lambda d: (d.dy,),
    "it is minus x * dy": lambda d: (-d.dy * d.x, d.other),
    "it is dy @ w": lambda d: (d.dy @ d.w, d.dy @ d.w.T),
    "it is the sum of dy over axis 0": lambda d: (d.dy.sum(0), d.row),
    "it is the first slice of dy along axis 0": lambda d: (d.dy[0], d.dy.sum(0)),
    "it lacks the term dy": lambda d: (d.want, d.want + d.dy),
    "it has the term x * x too much": lambda d: (d.want + d.x**2,),
    "it lacks the term x.T @ dy": lambda d: (d.w, d.w + d.x.T @ d.dy, {"arguments": {"x": d.x}}),
    "it is the wanted value plus 1e-05": lambda d: (d.want + 1e-5,),
    "it is the wanted value minus 3": lambda d: (d.want - 3,),
    "it is 2.5 everywhere": lambda d: (np.full((4, 5), 2.5),),
    "it is the absolute value of the wanted value": lambda d: (np.abs(d.want),),
    "it is the square of the wanted value": lambda d: (d.want**2,),
    "it is the square root of the wanted value": lambda d: (np.abs(d.want) ** 0.5, np.abs(d.want)),
    "it is the reciprocal of the wanted value": lambda d: (1 / d.want,),
    "it should be zero everywhere": lambda d: (d.other, 0 * d.want),
    "it is right to 7 digits only, as if rounded to float32 on the way": lambda d: (rounded(d.want, np.float32),),
    "it is right to 3 digits only, as if rounded to float16 on the way": lambda d: (rounded(d.want, np.float16),),
    "it is right to 2 digits only, as if rounded to bfloat16 on the way": lambda d: (rounded(d.want, jnp.bfloat16),),
    "it is right to 5 digits only: a small term, such as an eps, left out or added?": lambda d: (
        d.want * (1 + 1e-6 + 5e-6 * d.x**2 / (d.x**2).max()),
    ),
    # of the layout
    "it is transposed": lambda d: (d.w.T, d.w),
    "it is transposed: the wanted value with its axes (1, 0, 2)": lambda d: (
        (d.w[..., None] * d.row).transpose(1, 0, 2),
        d.w[..., None] * d.row,
    ),
    "it runs backwards along axis 1": lambda d: (d.want[:, ::-1],),
    "it is shifted along axis 1: each entry stands one place later than wanted, off by one": lambda d: (
        np.roll(d.want, 1, 1),
    ),
    "it is shifted along axis 0: each entry stands one place earlier than wanted, off by one": lambda d: (
        np.concatenate([d.want[1:], np.zeros((1, 5))]),
    ),
    "it is the sum of the wanted slices in every slice along axis 0: reduced, then spread out": lambda d: (
        np.tile(d.want.sum(0), (4, 1)),
    ),
    "it is the mean of the wanted slices in every slice along axis 1: reduced, then spread out": lambda d: (
        np.tile(d.want.mean(1)[:, None], 5),
    ),
    "it lacks a sum over axis 0, which gives what is wanted": lambda d: (d.dy, np.tile(d.dy.sum(0), (4, 1))),
    "it lacks a mean over axis 1, which gives what is wanted": lambda d: (d.dy, np.tile(d.dy.mean(1)[:, None], 5)),
    "it is the same in all 4 slices along axis 0, and should not be": lambda d: (np.tile(d.row, (4, 1)),),
    "it differs along axis 0, and should be the same in all 4 slices: a sum or mean left out?": lambda d: (
        d.want,
        np.tile(d.row, (4, 1)),
    ),
    "it has the wanted entries in another order: a reshape, a transpose or a gather gone wrong?": lambda d: (
        d.shuffled,
    ),
    "it is the wanted value times a factor that depends on axis 1 alone: one left out, or one too many?": lambda d: (
        d.want * d.row,
    ),
    "it is the wanted value times a factor that depends on axis 0 alone: one left out, or one too many?": lambda d: (
        d.want * d.column,
    ),
    "it differs from the wanted value by a term that is the same along axis 1: a sum or mean over it left out, "
    "or wrong?": lambda d: (d.want + d.column,),
    "it differs from the wanted value by x times a factor that is the same along axis 1: a sum or mean over it "
    "left out, or wrong?": lambda d: (d.want + d.x * d.column,),
    # of some entries
    "it is right but in 5 of 20 entries, in the last slice of axis 0: there it is zero": lambda d: (d.changed(-1, 0),),
    "it is right but in 8 of 20 entries, in slices 1 and 3 of axis 1: there it has the wrong sign": lambda d: (
        d.want * np.array([1, -1, 1, -1, 1]),
    ),
    "it is right but in 10 of 20 entries, in the second half of axis 0: there it lacks the factor x": lambda d: (
        d.changed(np.s_[2:], (d.dy * d.gamma)[2:]),
    ),
    "it is right but at [1, 2]: there it is zero": lambda d: (d.changed((1, 2), 0),),
    "it is right but in 4 of 20 entries, where |x| is 9 or more: there it has the wrong sign": lambda d: (
        np.where(abs(far(d.x)) >= 9, -d.want, d.want),
        d.want,
        {"arguments": {"x": far(d.x)}},
    ),
    "it is right but in 3 of 20 entries, where x is zero: there it is dy": lambda d: (
        np.where(kinked(d.x) >= 0, d.dy, 0),
        np.where(kinked(d.x) > 0, d.dy, 0),
        {"arguments": {"x": kinked(d.x)}},
    ),
    "it is right but in 10 of 20 entries, where x is negative: there it is zero": lambda d: (
        np.where(even(d.x) < 0, 0, d.dy),
        np.where(even(d.x) < 0, d.dy / 100, d.dy),
        {"arguments": {"x": even(d.x)}},
    ),
    "it is right but in 3 of 20 entries, where a is b: there it is 3 times the wanted value": lambda d: (
        np.where(d.x == tied(d.x), 3 * d.dy, d.dy),
        d.dy,
        {"arguments": {"a": d.x, "b": tied(d.x)}},
    ),
    # of numbers that are none
    "it is NaN everywhere": lambda d: (np.nan * d.want,),
    "it is infinite at [0, 3]; elsewhere it is right": lambda d: (d.changed((0, 3), np.inf),),
    "it is NaN in 3 of 20 entries, where x is zero; elsewhere it has the wrong sign": lambda d: (
        np.where(kinked(d.x) == 0, np.nan, -d.dy),
        d.dy,
        {"arguments": {"x": kinked(d.x)}},
    ),
    "it is finite where it should not be at [0, 0]; elsewhere it is right": lambda d: (
        d.want,
        d.changed((0, 0), -np.inf),
    ),
    "it has the wrong sign": lambda d: (-d.changed((0, 0), np.nan), d.changed((0, 0), np.nan)),
    # of shapes
    "it has shape (4, 5), wanted (5,): a sum over axis 0 is left out": lambda d: (d.dy, d.dy.sum(0)),
    "it has shape (5, 4), wanted (4, 5): it is transposed": lambda d: (d.dy.T, d.dy),
    "it has shape (4,), wanted (4, 5): it is summed over axis 1": lambda d: (d.dy.sum(1), d.dy),
    "it has shape (20,), wanted (4, 5): the entries are right": lambda d: (d.dy.ravel(), d.dy),
    "it has shape (5,), wanted (4, 5)": lambda d: (d.row, d.dy),
}


def far(x):
    """Move four entries, of both signs, far out."""
    x = x.copy()
    x.flat[[1, 8, 12, 17]] = 9, -9.5, 10, -11
    return x


def kinked(x):
    x = x.copy()
    x.flat[[2, 9, 16]] = 0
    return x


def even(x):
    """Make as many entries negative as positive."""
    return x - np.median(x)


def tied(x):
    y = x + 1
    y.flat[[2, 9, 16]] = x.flat[[2, 9, 16]]
    return y


def ask(draw, got, want=None, given=None):
    return diagnose(got, draw.want if want is None else want, **{**draw.given, **(given or {})})


@pytest.mark.parametrize("said", SAID)
@pytest.mark.parametrize("seed", SEEDS)
def test_it_says_what_happened(said, seed):
    draw = Draw(seed)
    assert ask(draw, *SAID[said](draw)) == said


def random_call(shape, seed):
    """Return got, want and all else that can be given, none of which has to do with another."""
    draw = np.random.default_rng([seed, *shape])
    got, want, other, x, dy = draw.normal(size=(5, *shape))
    vector = draw.normal(size=shape[-1:])
    return got, want, {"others": {"b": other}, "arguments": {"x": x, "gamma": vector}, "known": {"dy": dy}}


EPS = {"float64": 2.0**-52, "float32": 2.0**-23, "bfloat16": 2.0**-7}


@pytest.mark.parametrize("eps", EPS.values(), ids=EPS.keys())
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_of_a_right_or_a_random_array_it_says_nothing(shape, eps):
    for seed in range(20):
        got, want, given = random_call(shape, seed)
        assert diagnose(want, want, **given, eps=eps) == ""
        assert diagnose(want * (1 + eps * np.sign(got)), want, **given, eps=eps) == ""
        assert diagnose(got, want, **given, eps=eps) == ""


@pytest.mark.parametrize("eps", EPS.values(), ids=EPS.keys())
def test_rounding_hides_no_error(eps):
    for seed in SEEDS:
        d, noise = Draw(seed), np.random.default_rng(seed).uniform(-1, 1, (4, 5))
        for got, said in (
            (-d.want, "it has the wrong sign everywhere"),
            (3.3 * d.want, "it is 3."),
            (d.dy * d.x, "it lacks the factor gamma"),
            (d.want + d.dy, "it has the term dy too much"),
            (np.roll(d.want, 1, 1), "it is shifted along axis 1: each entry stands one place later than wanted, "),
            (d.changed(-1, 0), "entries, in the last slice of axis 0: there it is zero"),
        ):
            assert said in diagnose(got * (1 + eps * noise), d.want, **d.given, eps=eps)


@pytest.mark.parametrize("shape", [(), (1,)])
def test_one_number_is_told_by_what_is_no_accident(shape):
    want = np.full(shape, 0.7310586)
    assert diagnose(-want, want) == "it has the wrong sign everywhere"
    assert diagnose(2 * want, want) == "it is 2 times the wanted value: counted twice?"
    assert diagnose(0 * want, want) == "it is zero everywhere: the cotangent is missing"
    assert diagnose(want * np.nan, want) == "it is NaN everywhere"
    assert diagnose(1.1 * want, want) == ""  # any number is some multiple of any other
    assert diagnose(-want, want, eps=2**-7) == ""  # and in bfloat16 not one in forty is safe


def test_what_is_no_array_of_real_numbers_has_no_diagnosis():
    for nothing in ("a word", None, object(), [1j, 2.0], [[1.0], [2.0, 3.0]]):
        assert diagnose(nothing, [1.0, 2.0]) == diagnose([1.0, 2.0], nothing) == ""
    assert diagnose([-1.0, -2.0], [1.0, 2.0], arguments={"mode": "same"}, others={"key": None}) == (
        "it has the wrong sign everywhere"
    )


def test_other_dtypes_and_containers():
    assert diagnose([1, 2, 3, 4], (-1, -2, -3, -4)) == "it has the wrong sign everywhere"
    assert diagnose(np.array([True, True, True]), np.array([False, True, True])) == "it is 1 everywhere"
    assert diagnose(jnp.ones(3, jnp.bfloat16), np.zeros(3, np.int32)) == "it is 1 everywhere"
    assert diagnose(np.zeros((0, 3)), np.zeros((0, 3))) == ""
    assert diagnose(np.zeros((0, 3)), np.zeros((3, 0))) == "it has shape (0, 3), wanted (3, 0): it is transposed"


def test_where_the_wrong_entries_are_is_said_in_words():
    wrong = {
        "in the first slice of axis 0": np.s_[0],
        "in slices 1 to 3 of axis 0": np.s_[1:4],
        "in slices 0, 3 and 4 of axis 1": np.s_[:, [0, 3, 4]],
        "in the first and the last slice of axis 0": np.s_[[0, -1]],
        "in every second slice of axis 1, from 1 on": np.s_[:, 1::2],
        "in every third slice of axis 0, from 0 on": np.s_[::3],
        "in the second half of axis 1": np.s_[:, 3:],
        "in slice 2 of axis 0 and the last slice of axis 1": np.s_[2, 5],
    }
    want = np.random.default_rng(0).normal(size=(7, 6))
    for words, index in wrong.items():
        got = want.copy()
        got[index] = 0
        assert words in diagnose(got, want) or np.sum(got == 0) == 1
    scattered = want.copy()
    scattered[[0, 1, 3, 4, 6], [0, 4, 1, 5, 2]] = 7.5
    assert diagnose(scattered, want) == "it is right but in 5 of 42 entries: there it is 7.5"


def test_near():
    eps = 2.0**-23
    want = np.array([1.0, 100.0, 1e-9, 0.0, np.inf, np.nan, -np.inf, 1.0])
    assert near(want, want, eps).all() and near(want, want, 0.0).all()
    got = np.array([1 + slack(eps), 100 * (1 + slack(eps)), 2e-9, 1e-7, 1.0, 1.0, np.inf, np.nan])
    assert near(got, want, eps).tolist() == [True] * 4 + [False] * 4
    assert not near(want[:1] + 3 * slack(eps), want[:1], eps)[0]
    assert near(np.zeros(0), np.zeros(0), eps).shape == (0,)
