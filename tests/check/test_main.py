"""python -m fnn.check: a line for each rule, the report of each that fails, the kill table, and JSON of all of it."""

import json
import sys
import types

import jax.numpy as jnp
import pytest
from jaxtyping import Array, Float

from fnn import rule
from fnn.check.__main__ import main
from fnn.check.packages import rules_of


@rule
def cosine(x: Float[Array, "n"]):
    """The sine, in truth."""
    return jnp.sin(x), x


@cosine.backward
def cosine_backward(x, dy):
    return dy * jnp.cos(x)


@rule
def forgetful(x: Float[Array, "n"]):
    """A square whose backward forgets the two."""
    return jnp.square(x), x


@forgetful.backward
def forgetful_backward(x, dy):
    return dy * x


@pytest.fixture
def package(monkeypatch):
    made = types.ModuleType("small_rules")
    vars(made).update(cosine=cosine, again=cosine, forgetful=forgetful, other=3)
    monkeypatch.setitem(sys.modules, made.__name__, made)
    monkeypatch.setattr(cosine, "__module__", made.__name__)
    monkeypatch.setattr(forgetful, "__module__", made.__name__)
    return made.__name__


def test_rules_are_found_once(package):
    assert [found.function for found in rules_of(package)] == [cosine, forgetful]
    assert len(rules_of("fnn.rules")) > 70


def test_every_rule_is_checked(package, capsys, tmp_path):
    assert main([package, "--json", str(tmp_path / "found.json")]) == 1
    lines = capsys.readouterr().out.splitlines()
    assert lines[0].startswith("cosine: passed") and lines[1].startswith("forgetful: FAILED")
    assert any("forgetful fails cotangents" in line for line in lines[2:])
    found = json.loads((tmp_path / "found.json").read_text())
    assert [(one["rule"], one["ok"]) for one in found] == [("cosine", True), ("forgetful", False)]


def test_the_kill_table(package, capsys, tmp_path):
    file = tmp_path / "kills.json"
    main([package, "--mutants", "--rule", "cosine", "--json", str(file)])
    table = capsys.readouterr().out
    killed = next(line.split() for line in table.splitlines() if line.startswith("cosine  negated"))
    assert killed == ["cosine", "negated", "1", "cotangents", "1", "1"]
    verdicts = {one["mutant"]: one for one in json.loads(file.read_text())}
    assert verdicts["dx: scaled by 1 + 1e-3"]["killed_by"] == "cotangents"
    assert verdicts["dx: scaled by 1 + 1e-3"]["chex"] == "survived"
    assert verdicts["the output: scaled by 1 + 1e-3"]["killed_by"] == "value"


def test_a_wrong_rule_has_no_kill_table(package, capsys):
    assert main([package, "--mutants", "--rule", "forgetful"]) == 1
    assert "forgetful itself fails cotangents, so no mutant of it was judged" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (["no_such_package"], "No module named"),
        (["json"], "defines no rule, by"),
        (["fnn.rules", "--rule", "x"], "'x'"),
    ],
)
def test_what_there_is_not(arguments, words, capsys):
    with pytest.raises(SystemExit) as stopped:
        main(arguments)
    assert stopped.value.code == 2 and words in capsys.readouterr().err
