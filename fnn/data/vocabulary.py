"""Text as integers: a vocabulary of characters, or of the bytes of UTF-8."""

import dataclasses
from typing import Any

import numpy as np
from jaxtyping import Int


@dataclasses.dataclass(frozen=True)
class Vocabulary:
    r"""The symbols that a text is made of; the id of a symbol is its place among them.

    The symbols are the characters of a `str`, or the values of `bytes`, which any text becomes in UTF-8: 256 ids that
    know every text, one to four of them a character. What is not in a vocabulary is an error and never left out.
    Ids are int32 in memory, as every layer takes them.

    Raises TypeError for symbols of another type, ValueError where there are none or one stands twice.

    >>> vocabulary = Vocabulary.of("to be or not to be")
    >>> vocabulary
    Vocabulary(symbols=' benort')
    >>> vocabulary.encode("not bent")
    array([3, 4, 6, 0, 1, 2, 3, 6], dtype=int32)
    >>> vocabulary.decode([1, 2, 4, 6]), len(vocabulary)
    ('beot', 7)
    >>> every_byte = Vocabulary.of_bytes()
    >>> every_byte.encode("né").tolist(), every_byte.decode([110, 195, 169])
    ([110, 195, 169], 'né')
    """

    symbols: str | bytes

    def __post_init__(self):
        if not isinstance(self.symbols, str | bytes):
            raise TypeError(
                f"the symbols of a vocabulary are a {type(self.symbols).__name__}, wanted the characters as one str, "
                "or bytes; Vocabulary.of(text) collects them from a text."
            )
        if not self.symbols:
            raise ValueError("a vocabulary has 1 symbol or more, and there is none: is the text empty?")
        if len(set(self.symbols)) < len(self.symbols):
            symbols = list(self.symbols)
            twice = next(symbol for place, symbol in enumerate(symbols) if symbol in symbols[:place])
            raise ValueError(
                f"the symbol {twice!r} stands twice in the vocabulary: Vocabulary.of(text) keeps one each."
            )

    @classmethod
    def of(cls, text: str) -> "Vocabulary":
        """Return the vocabulary of the distinct characters of the text, in the order of their code points."""
        return cls("".join(sorted(set(text))))

    @classmethod
    def of_bytes(cls) -> "Vocabulary":
        """Return the vocabulary of the 256 bytes: the id of a byte is its value."""
        return cls(bytes(range(256)))

    def __len__(self) -> int:
        return len(self.symbols)

    def encode(self, text: str) -> Int[np.ndarray, " time"]:
        """Return the ids of the text, int32; as many as characters, or as its bytes.

        Raises ValueError naming the first character that is outside the vocabulary, and its place.
        """
        codes, own = self._codes(text), self._codes(self.symbols)
        order = np.argsort(own)
        place = np.minimum(np.searchsorted(own, codes, sorter=order), len(own) - 1)
        ids = order[place]
        unknown = own[ids] != codes
        if unknown.any():
            raise ValueError(self._unknown(text, int(np.argmax(unknown)), int(np.count_nonzero(unknown))))
        return ids.astype(np.int32)

    def decode(self, ids: Any) -> str:
        """Return the text of the ids (time,), any array or list of integers.

        Bytes that are no whole character of UTF-8, as a model may write them, become U+FFFD, the replacement character.
        Raises TypeError for what is not one row of integers, ValueError naming the first id out of range.
        """
        ids = np.asarray(ids)
        if ids.ndim != 1:
            raise TypeError(
                f"decode: ids have shape {ids.shape}, wanted (time,): decode the rows of a batch one by one."
            )
        if not ids.size:
            return ""
        check_ids(ids, self)
        if isinstance(self.symbols, bytes):
            return bytes(self.symbols[i] for i in ids).decode("utf-8", errors="replace")
        return "".join(self.symbols[i] for i in ids)

    def _codes(self, text: str | bytes) -> np.ndarray:
        """Return the text as numbers: its bytes, or its code points."""
        if isinstance(text, bytes):
            return np.frombuffer(text, np.uint8)
        if isinstance(self.symbols, bytes):
            return np.frombuffer(text.encode("utf-8"), np.uint8)
        return np.frombuffer(text.encode("utf-32-le", errors="surrogatepass"), np.uint32)

    def _unknown(self, text: str, index: int, count: int) -> str:
        if isinstance(self.symbols, bytes):
            symbol = f"the byte {text.encode()[index]} at index {index} of the text in UTF-8"
        else:
            line, column = text.count("\n", 0, index) + 1, index - text.rfind("\n", 0, index)
            character = text[index]
            symbol = f"the character {character!r} (U+{ord(character):04X}) at line {line}, column {column}"
        return (
            f"{symbol} is not in the vocabulary of {len(self)} symbols, one of {count} such places: build the "
            "vocabulary of all the text by Vocabulary.of(text), replace the character, or take Vocabulary.of_bytes(), "
            "which knows every text."
        )


def check_ids(ids: Any, vocabulary: Vocabulary | int) -> np.ndarray:
    """Return the ids, of any shape, as a NumPy array, or raise unless all are integers from 0 to the size - 1.

    `vocabulary` is one, or its size. Checked on the host, before training: inside a compiled program nothing can be
    raised, and there an id out of range gives NaN.

    >>> check_ids([[0, 7]], 5)
    Traceback (most recent call last):
        ...
    ValueError: id 7 at index (0, 1) is out of range, one of 1 such: a vocabulary of 5 symbols has ids from 0 to 4.
    """
    ids, size = np.asarray(ids), vocabulary if isinstance(vocabulary, int) else len(vocabulary)
    if not np.issubdtype(ids.dtype, np.integer):
        raise TypeError(f"ids are integers, and these have dtype {ids.dtype}: Vocabulary.encode makes them of a text.")
    if size < 1:
        raise ValueError(f"a vocabulary has 1 symbol or more, and its size is {size}.")
    wrong = (ids < 0) | (ids >= size)
    if wrong.any():
        index = tuple(int(i) for i in np.unravel_index(np.argmax(wrong), wrong.shape))
        shown = index[0] if len(index) == 1 else index
        raise ValueError(
            f"id {ids[index]} at index {shown} is out of range, one of "
            f"{np.count_nonzero(wrong)} such: a vocabulary of {size} symbols has ids from 0 to {size - 1}."
        )
    return ids
