"""A ready test of a rule: `check.rule` on arguments that Hypothesis draws.

>>> from fnn import rules
>>> from fnn.check.property import property

>>> @property(rules.softmax, examples=0, only=("value", "cotangents"))
... def test_softmax(report):
...     assert report["cotangents"].status == "passed"          # more than what is asserted anyway

>>> test_softmax()                                              # pytest calls it
"""

import functools
import inspect
from collections.abc import Callable
from typing import Any

from fnn.check import strategies
from fnn.check.drawing.annotations import parameters
from fnn.check.rule import rule


def property(function: Callable[..., Any], *shapes: str, examples: int = 5, **options: Any) -> Callable[..., Any]:
    """Return a decorator that makes a test of a function ``test(report)``: it runs for each of some drawn arguments.

    They are the plain call on each row of `drawing.sizes.ROWS` that the function takes, and `examples` more, with
    arguments left out, other options and other seeds. The report is that of `check.rule` and has passed when the test
    gets it, so the test's body need only say more, if there is more to say. Other parameters of the test are pytest's
    fixtures.

    function and shapes: as in `fnn.check.strategies.draws`, so either the function is annotated or
    ``@check.property(function, "batch in", "in out")`` gives the axes of its first arguments. options: those of
    `check.rule`, as `reference`, `order` and `without`; the names of the function's own parameters give them a value:
    ``@check.property(rules.softmax, axis=0)``.

    The examples are the same at each run (Hypothesis's `derandomize`), so a test that passes goes on passing until
    something changes; raise `examples` to search more. A failure is shrunk and printed with the call of `check.draw`
    that draws its arguments again. Raises ImportError, naming the extra to install, without Hypothesis.
    """
    try:
        import hypothesis
    except ImportError as error:
        raise ImportError('check.property draws with Hypothesis; pip install "fnn[test]".') from error
    words = {p.name for p in inspect.signature(rule).parameters.values() if p.kind is p.KEYWORD_ONLY}
    Phase = hypothesis.Phase
    own = {name: value for name, value in options.items() if name in words}
    given = {name: value for name, value in options.items() if name not in words}
    parameters(function, shapes, given)  # what is wrong with it is said here, where the test is written

    def decorate(test: Callable[..., Any]) -> Callable[..., Any]:
        signature = inspect.signature(test)
        if "report" not in signature.parameters:
            raise TypeError(
                f"{test.__name__}: a property takes the report of check.rule, as def {test.__name__}(report); got "
                f"{test.__name__}{signature}."
            )

        drawn = [p.replace(name="drawn") if p.name == "report" else p for p in signature.parameters.values()]
        signature = signature.replace(parameters=drawn)

        @functools.wraps(test)
        def run(*values: Any, **named: Any) -> None:
            __tracebackhide__ = True
            fixtures = signature.bind(*values, **named).arguments
            args, static = fixtures.pop("drawn").values()
            report = rule(function, *args, **own, **static)
            report.assert_passed()
            test(report=report, **fixtures)

        run.__signature__ = signature  # pyright: ignore[reportAttributeAccessIssue]
        examined = hypothesis.given(drawn=strategies.draws(function, *shapes, given=given))(run)
        for one in reversed(strategies.plain(function, *shapes, given=given)):
            examined = hypothesis.example(drawn=one)(examined)
        return hypothesis.settings(
            max_examples=max(examples, 1),
            deadline=None,
            derandomize=True,
            database=None,
            report_multiple_bugs=False,
            # A check takes seconds: no more examples to explain a failure.
            phases=(Phase.explicit, *((Phase.generate, Phase.shrink) if examples else ())),
            suppress_health_check=[hypothesis.HealthCheck.too_slow, hypothesis.HealthCheck.function_scoped_fixture],
        )(examined)

    return decorate
