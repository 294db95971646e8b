"""Text as sequences of characters: windows, and a vocabulary from the training text."""

from __future__ import annotations

import abc
import math
import sys
from collections import Counter
from collections.abc import Mapping

import numpy

from gatekit.cell.errors import ConfigError, DataError

from .task import Batch, Metric, Signature, Task, recipe_hash

SHARE = 20
"""The last 20th of an undivided document is the test set; the 20th before it is for validation."""
UNKNOWN = "\ufffd"
"""Replaces characters that do not occur in the training text."""


class CharacterModel(Task):
    """Base of tasks that predict each character of a document from those before it.

    A subclass returns the text of each split from `texts`, and its hash from `text_hash`. The
    sequences of a split are consecutive, so ``trainer.tbptt`` reads a split as one document.
    """

    length: int = 100
    limit: int | None = None
    lowest = {"length": 2}
    metric = Metric("bits", direction="min", unit="bits/character")
    contiguous = True

    def check_options(self) -> None:
        """Refuse a limit that leaves less than one window."""
        if self.limit is not None and self.limit <= self.length:
            raise ConfigError(
                f"limit={self.limit} leaves no window of length={self.length}; at least "
                f"{self.length + 1} or null is expected"
            )

    @abc.abstractmethod
    def texts(self) -> Mapping[str, str]:
        """Return the text of each split.

        Raises:
            DataError: the text is missing or damaged.
        """

    @abc.abstractmethod
    def text_hash(self) -> str:
        """Return 64 hex digits that change when the text does."""

    def characters(self) -> list[str]:
        """Return the vocabulary: the position of a character is its token. The first character
        replaces all characters that do not occur in the training text."""
        return self._vocabulary(self._training())

    def encode(self, text: str) -> list[int]:
        """Return the token of each character; 0 for a character that is unknown."""
        known = {character: token for token, character in enumerate(self.characters())}
        return [known.get(character, 0) for character in text]

    def decode(self, tokens: list[int]) -> str:
        """Return the text of tokens."""
        known = self.characters()
        return "".join(known[token] for token in tokens)

    def signature(self) -> Signature:
        """Return the signature: a character in and the next character out at every step."""
        count = len(self._vocabulary(self._training()))
        return Signature(
            features=None, vocabulary=count, outputs=count, loss="categorical", emission="every"
        )

    def chance(self) -> float:
        """Return the test bits if characters are predicted by their training frequency (counts plus
        one half)."""
        train, test = self._training(), self.texts()["test"]
        known = self._vocabulary(train)
        counts = Counter(train)
        total = len(train) + 0.5 * len(known)
        bits = {c: -math.log2((counts[c] + 0.5) / total) for c in known}
        # The first character of the text and an incomplete last window are not predicted.
        predicted = test[1 : 1 + len(test[1:]) // self.length * self.length]
        return sum(bits.get(c, bits[UNKNOWN]) for c in predicted) / len(predicted)

    def data_hash(self) -> str:
        """Return the hash of text, recipe and options."""
        facts = {"text": self.text_hash(), "length": self.length, "limit": self.limit}
        return recipe_hash("char_lm/1", facts)

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return consecutive windows: x = characters 1 to T, y = characters 2 to T + 1."""
        texts = {**self.texts(), "train": self._training()}
        known = {c: index for index, c in enumerate(self._vocabulary(texts["train"]))}
        return {
            split: windows(texts[split], known, self.length, split)
            for split in ("train", "validation", "test")
        }

    def _training(self) -> str:
        return self.texts()["train"][: self.limit]

    @staticmethod
    def _vocabulary(text: str) -> list[str]:
        return [UNKNOWN, *sorted(set(text) - {UNKNOWN})]


def windows(text: str, known: Mapping[str, int], length: int, split: str) -> Batch:
    """Return consecutive windows of a document, without the last, shorter one.

    Args:
        text: the text.
        known: the number of each character; 0 is for all others.
        length: predicted characters per window.
        split: the split, for messages.

    Raises:
        DataError: the text is shorter than a window.
    """
    codes = text.encode("utf-32-le", "surrogatepass")
    numbers = numpy.zeros(sys.maxunicode + 1, "int32")
    numbers[[ord(c) for c in known]] = list(known.values())
    return consecutive(numbers[numpy.frombuffer(codes, "<u4")], length, split, "characters")


def consecutive(tokens: numpy.ndarray, length: int, split: str, what: str) -> Batch:
    """Return consecutive windows of a document's tokens, without the last, shorter one.

    Args:
        tokens: the tokens, int32.
        length: predicted tokens per window.
        split: the split, for messages.
        what: what a token is, in the plural.

    Raises:
        DataError: the text is shorter than a window.
    """
    count = (len(tokens) - 1) // length
    if count < 1:
        raise DataError(
            f"the {split} text has {len(tokens)} {what}; one window of task.length={length} "
            f"needs {length + 1}"
        )
    used = tokens[: count * length + 1]
    return Batch(used[:-1].reshape(count, length), used[1:].reshape(count, length))


def split_text(text: str) -> dict[str, str]:
    """Split a document: the last 20th is for the test, the 20th before it for validation."""
    part = len(text) // SHARE
    first, second = len(text) - 2 * part, len(text) - part
    return {"train": text[:first], "validation": text[first:second], "test": text[second:]}


def decoded(content: bytes, where: str) -> str:
    """Return the text of a UTF-8 file, with all line ends as newlines.

    Raises:
        DataError: the file is not UTF-8.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise DataError(
            f"{where} is not text in UTF-8 (byte {error.start}: {error.reason})"
        ) from None
    return text.replace("\r\n", "\n").replace("\r", "\n")
