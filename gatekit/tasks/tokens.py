"""Text as sequences of words or of byte pairs, with a vocabulary from the training text."""

from __future__ import annotations

import abc
import importlib
import json
import math
import re
from collections import Counter
from functools import lru_cache
from typing import Any, Literal

import numpy

from gatekit.cell.errors import ConfigError

from .task import Batch, Metric, Signature, recipe_hash
from .text import UNKNOWN, CharacterModel, consecutive

Unit = Literal["word", "byte_pair"]
_WORDS = re.compile(r"\n|<\w+>|\w+(?:['’-]\w+)*|[^\w\s]")
_SPLIT_ALREADY = re.compile(r"\n|[^\s]+")
_NO_SPACE_BEFORE = re.compile(r" (?=[.,;:!?)\]}’'\n])|(?<=[(\[{\n]) ")


class TokenModel(CharacterModel):
    """Base of tasks that predict each word of a document, or each byte pair, from those before it.

    A subclass returns the text of each split from `texts`, and its hash from `text_hash`. Token 0
    replaces all words that are not in the vocabulary.

    The vocabulary of words has the most frequent ones of the training text. Line ends are words,
    and so are punctuation marks unless ``punctuation`` is false: then words are what spaces
    separate, as in texts that are split already. Byte pairs are those of Sennrich et al.
    (arXiv:1508.07909) over the bytes of the training text, and need the library tokenizers.
    """

    length: int = 50
    unit: Unit = "word"
    vocabulary: int = 10_000
    punctuation: bool = True
    lowest = CharacterModel.lowest | {"vocabulary": 2}
    metric = Metric("perplexity", direction="min", unit="perplexity per token")

    def check_options(self) -> None:
        """Refuse a vocabulary of byte pairs that lacks bytes, and a limit of less than a window."""
        super().check_options()
        if self.unit == "byte_pair" and self.vocabulary < _BYTES + 1:
            raise ConfigError(
                f"task.vocabulary={self.vocabulary}: at least {_BYTES + 1} tokens are expected"
            )

    def characters(self) -> list[str]:
        """Return the vocabulary: the position of a token is its number."""
        return self._tokenizer().pieces

    def encode(self, text: str) -> list[int]:
        """Return the numbers of the tokens of a string; 0 replaces an unknown word."""
        return self._tokenizer().encode(text)

    def decode(self, tokens: list[int]) -> str:
        """Return the text of tokens."""
        return self._tokenizer().decode(tokens)

    def library_files(self) -> dict[str, str]:
        """Return the files with which transformers cuts texts as this task does, by name; none for
        words."""
        return self._tokenizer().library_files()

    def signature(self) -> Signature:
        """Return the signature: a token in and the next token out at every step."""
        count = len(self.characters())
        return Signature(
            features=None, vocabulary=count, outputs=count, loss="categorical", emission="every"
        )

    def chance(self) -> float:
        """Return the test perplexity if tokens are predicted by their training frequency (counts
        plus one half)."""
        count = len(self.characters())
        train = numpy.bincount(self.encode(self._training()), minlength=count) + 0.5
        test = self.encode(self.texts()["test"])
        # The first token of the text and an incomplete last window are not predicted.
        predicted = test[1 : 1 + len(test[1:]) // self.length * self.length]
        return math.exp(-numpy.log(train[predicted] / train.sum()).mean())

    def data_hash(self) -> str:
        """Return the hash of text, recipe and options; of tokenizers' version, if it is used."""
        facts: dict[str, Any] = {
            "text": self.text_hash(),
            "length": self.length,
            "limit": self.limit,
            "unit": self.unit,
            "vocabulary": self.vocabulary,
            "punctuation": self.punctuation,
        }
        if self.unit == "byte_pair":
            facts["tokenizers"] = _library().__version__
        return recipe_hash("tokens/1", facts)

    def splits(self, rng: numpy.random.Generator) -> dict[str, Batch]:
        """Return consecutive windows: x = tokens 1 to T, y = tokens 2 to T + 1."""
        texts = {**self.texts(), "train": self._training()}
        return {
            split: consecutive(
                numpy.array(self.encode(texts[split]), "int32"), self.length, split, "tokens"
            )
            for split in ("train", "validation", "test")
        }

    def _tokenizer(self) -> Tokenizer:
        if self.unit == "word":
            return _words(self._training(), self.vocabulary, self.punctuation)
        return _byte_pairs(self._training(), self.vocabulary)


class Tokenizer(abc.ABC):
    """Cuts texts into tokens.

    Attributes:
        pieces: the vocabulary.
    """

    pieces: list[str]

    @abc.abstractmethod
    def encode(self, text: str) -> list[int]:
        """Return the numbers of the tokens of a string."""

    @abc.abstractmethod
    def decode(self, tokens: list[int]) -> str:
        """Return the text of tokens."""

    def library_files(self) -> dict[str, str]:
        """Return the files of a tokenizer of transformers, by name."""
        return {}


class _Words(Tokenizer):
    def __init__(self, text: str, most: int, punctuation: bool) -> None:
        self.cut = (_WORDS if punctuation else _SPLIT_ALREADY).findall
        counts = Counter(self.cut(text))
        counts.pop(UNKNOWN, None)
        # Of equally frequent words, those that are first in the alphabet.
        known = sorted(counts, key=lambda word: (-counts[word], word))[: most - 1]
        self.pieces = [UNKNOWN, *known]
        self.numbers = {word: number for number, word in enumerate(self.pieces)}

    def encode(self, text: str) -> list[int]:
        return [self.numbers.get(word, 0) for word in self.cut(text)]

    def decode(self, tokens: list[int]) -> str:
        return _NO_SPACE_BEFORE.sub("", " ".join(self.pieces[token] for token in tokens))


_BYTES = 256


class _BytePairs(Tokenizer):
    def __init__(self, text: str, most: int) -> None:
        library = _library()
        self.own = library.Tokenizer(library.models.BPE())
        self.own.pre_tokenizer = library.pre_tokenizers.ByteLevel(add_prefix_space=False)
        self.own.decoder = library.decoders.ByteLevel()
        trainer = library.trainers.BpeTrainer(
            vocab_size=most,
            special_tokens=[UNKNOWN],
            initial_alphabet=library.pre_tokenizers.ByteLevel.alphabet(),
            show_progress=False,
        )
        self.own.train_from_iterator(text.splitlines(keepends=True), trainer)
        numbers = self.own.get_vocab()
        self.pieces = sorted(numbers, key=numbers.__getitem__)

    def encode(self, text: str) -> list[int]:
        # Lines are encoded alone, as they are in training.
        lines = self.own.encode_batch_fast(text.splitlines(keepends=True))
        return [token for line in lines for token in line.ids]

    def decode(self, tokens: list[int]) -> str:
        return str(self.own.decode(tokens))

    def library_files(self) -> dict[str, str]:
        kind = {"tokenizer_class": "PreTrainedTokenizerFast", "eos_token": UNKNOWN}
        return {"tokenizer.json": self.own.to_str(), "tokenizer_config.json": json.dumps(kind)}


@lru_cache(maxsize=4)
def _words(text: str, most: int, punctuation: bool) -> Tokenizer:
    return _Words(text, most, punctuation)


@lru_cache(maxsize=4)
def _byte_pairs(text: str, most: int) -> Tokenizer:
    return _BytePairs(text, most)


def _library() -> Any:
    try:
        library = importlib.import_module("tokenizers")
    except ImportError:
        raise ConfigError("task.unit=byte_pair needs the library tokenizers") from None
    for part in ("decoders", "models", "pre_tokenizers", "trainers"):
        importlib.import_module(f"tokenizers.{part}")
    return library
