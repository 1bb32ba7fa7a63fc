"""Characters and bytes as integers: there and back, and what is refused."""

import dataclasses
from types import SimpleNamespace

import jax.numpy as jnp
import numpy as np
import pytest

from fnn import data

TEXT = "To be, or not to be:\nthat is the question."


def test_there_and_back():
    vocabulary = data.Vocabulary.of(TEXT)
    ids = vocabulary.encode(TEXT)
    assert vocabulary.symbols == "".join(sorted(set(TEXT))) and len(vocabulary) == len(set(TEXT))
    assert ids.dtype == np.int32 and ids.shape == (len(TEXT),)
    assert [vocabulary.symbols[i] for i in ids] == list(TEXT)
    for kind in (np.asarray, jnp.asarray, list):
        assert vocabulary.decode(kind(ids)) == TEXT
    assert vocabulary.encode("").shape == (0,) and vocabulary.decode([]) == ""


def test_any_order_of_symbols():
    assert data.Vocabulary("zaé€𝄞m").encode("€z𝄞aém").tolist() == [3, 0, 4, 1, 2, 5]
    assert data.Vocabulary(b"ba").encode("abba").tolist() == [1, 0, 0, 1]
    assert data.Vocabulary(b"ba").decode([1, 0]) == "ab"


def test_bytes_know_every_text():
    vocabulary = data.Vocabulary.of_bytes()
    text = "naïve 𝄞 \n€"
    ids = vocabulary.encode(text)
    assert len(vocabulary) == 256 and ids.tolist() == list(text.encode())
    assert vocabulary.decode(ids) == text
    assert vocabulary.decode(ids[:3]) == "na\N{REPLACEMENT CHARACTER}"  # half a character, as a model may write


def test_it_is_a_value():
    vocabulary = data.Vocabulary.of(TEXT)
    assert vocabulary == data.Vocabulary.of(TEXT[::-1]) and hash(vocabulary) == hash(data.Vocabulary.of(TEXT))
    assert vocabulary != data.Vocabulary.of_bytes()
    with pytest.raises(dataclasses.FrozenInstanceError):
        vocabulary.symbols = "ab"  # pyright: ignore[reportAttributeAccessIssue]


def test_a_character_outside():
    vocabulary = data.Vocabulary.of(TEXT)
    message = (
        r"the character 'é' \(U\+00E9\) at line 2, column 4 is not in the vocabulary of 18 symbols, one of 2 such "
        r"places: .*Vocabulary\.of\(text\).*Vocabulary\.of_bytes\(\)"
    )
    with pytest.raises(ValueError, match=message):
        vocabulary.encode("be\nnoté\né")
    with pytest.raises(ValueError, match=r"the byte 99 at index 1 of the text in UTF-8 is not in the vocabulary of 2"):
        data.Vocabulary(b"ab").encode("ac")


@pytest.mark.parametrize(
    "symbols, error, message",
    [
        ("", ValueError, "1 symbol or more, and there is none: is the text empty"),
        (b"", ValueError, "there is none"),
        ("aba", ValueError, "the symbol 'a' stands twice"),
        (["a", "b"], TypeError, r"are a list, wanted the characters as one str, or bytes"),
    ],
)
def test_no_vocabulary(symbols, error, message):
    with pytest.raises(error, match=message):  # behind the suite's type checker
        data.Vocabulary.__post_init__(SimpleNamespace(symbols=symbols))  # pyright: ignore


def test_ids_out_of_range():
    vocabulary = data.Vocabulary.of("abc")
    with pytest.raises(ValueError, match=r"id 3 at index 1 is out of range, one of 2 such: .* 3 symbols .* 0 to 2\."):
        vocabulary.decode([0, 3, -1])
    with pytest.raises(TypeError, match=r"decode: ids have shape \(1, 2\), wanted \(time,\)"):
        vocabulary.decode([[0, 1]])
    with pytest.raises(TypeError, match="ids are integers, and these have dtype float"):
        vocabulary.decode([0.0, 1.0])
    with pytest.raises(ValueError, match=r"id -1 at index \(1, 0\) is out of range"):
        data.check_ids(np.array([[0, 1], [-1, 2]]), vocabulary)
    with pytest.raises(ValueError, match="its size is 0"):
        data.check_ids([0], 0)
    assert data.check_ids(jnp.arange(3), 3).tolist() == [0, 1, 2]
