"""Texts and images by path: small files of the same form, and what is refused."""

import gzip
import hashlib
import zipfile

import numpy
import pytest
from gatekit.plugins import canonical_texts, mnist
from gatekit.plugins.canonical_texts import Enwik8, PennTreebank, Text8
from gatekit.plugins.mnist import MNIST, PermutedMNIST, SequentialMNIST
from seams import check_splits

from gatekit import DataError
from gatekit.registry import tasks

# Bytes of every value, some of which are not UTF-8.
CONTENT = bytes(range(256)) + numpy.random.default_rng(0).integers(0, 256, 744, "uint8").tobytes()


def sha256(content):
    return hashlib.sha256(content).hexdigest()


class Small(Enwik8):
    """As enwik8, of 1000 bytes."""

    sha256 = sha256(CONTENT)
    parts = (800, 100, 100)


def lines(*words):
    return "".join(f" {word} \n" for word in words)


WORDS = {"train": lines("an N", "<unk> b"), "validation": lines("an"), "test": lines("b")}


class Bank(PennTreebank):
    """As the Penn Treebank, of four lines."""

    files = {
        split: (PennTreebank.files[split][0], len(text), sha256(text.encode()))
        for split, text in WORDS.items()
    }


def idx(array):
    sizes = numpy.array(array.shape, ">u4").tobytes()
    return bytes([0, 0, 8, array.ndim]) + sizes + array.astype("uint8").tobytes()


IMAGES = [
    numpy.random.default_rng(0).integers(0, 256, (24, 4, 4)),
    numpy.arange(24) % 3 % 2,
    numpy.random.default_rng(1).integers(0, 256, (6, 4, 4)),
    numpy.array([0, 0, 0, 1, 1, 2]),
]


class Images(SequentialMNIST):
    """As MNIST, of 24 and 6 images of 4 by 4 pixels."""

    files = {
        name: (array.shape, sha256(idx(array)))
        for name, array in zip(MNIST.files, IMAGES, strict=True)
    }


class Permuted(PermutedMNIST):
    """The same, permuted."""

    files = Images.files


@pytest.mark.parametrize("zipped", [False, True])
def test_a_text_of_bytes_is_cut_where_published_numbers_cut_it(tmp_path, zipped):
    path = tmp_path / ("enwik8.zip" if zipped else "enwik8")
    if zipped:
        with zipfile.ZipFile(path, "w") as archive:
            archive.writestr("enwik8", CONTENT)
    else:
        path.write_bytes(CONTENT)
    task = Small(path=str(path), length=10)
    task.require()
    texts = task.texts()
    assert [len(texts[name]) for name in ("train", "validation", "test")] == [800, 100, 100]
    assert "".join(texts.values()).encode("latin-1") == CONTENT
    data = check_splits(task, None)
    assert task.signature().vocabulary == 257
    assert data["train"].x[0].tolist() == list(range(1, 11))
    assert task.data_hash() == Small(path="elsewhere", length=10).data_hash()
    assert 7 < task.chance() < 9


def test_the_canonical_sizes_and_names():
    for kind in (Text8, Enwik8):
        assert kind.parts == (90_000_000, 5_000_000, 5_000_000)
    # lines by torchtext; Bai et al. count 5,059, 396 and 446 thousand characters
    lines = {"train": 42_068, "validation": 3_370, "test": 3_761}
    counts = {split: PennTreebank.files[split][1] - count for split, count in lines.items()}
    assert counts == {"train": 5_059_550, "validation": 396_412, "test": 446_184}
    offered = canonical_texts.gatekit_tasks() | mnist.gatekit_tasks()
    assert offered.items() <= tasks().items()


def test_another_text_is_refused_with_what_is_needed(tmp_path):
    path = tmp_path / "enwik8"
    needed = r"Needed: enwik8 or enwik8.zip of mattmahoney.net/dc"
    with pytest.raises(DataError, match=r"task.path=PATH: enwik8"):
        Small().require()
    with pytest.raises(DataError, match=f"no file .*enwik8. {needed}"):
        Small(path=str(path)).require()
    path.write_bytes(CONTENT[:-1])
    with pytest.raises(DataError, match=f"holds 999 bytes, not 1,000. {needed}"):
        Small(path=str(path)).texts()
    path.write_bytes(CONTENT[:-1] + b"x")
    with pytest.raises(DataError, match=f"another text: its SHA-256 is .*{needed}"):
        Small(path=str(path)).texts()
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("text8", CONTENT)
    with pytest.raises(DataError, match=f"no item named 'enwik8'.*{needed}"):
        Small(path=str(path)).texts()
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("enwik8", bytes(10_000_000))
    with pytest.raises(DataError, match="holds 10,000,000 bytes, not 1,000"):
        Small(path=str(path)).texts()


def test_lines_of_the_penn_treebank_lose_their_first_space(tmp_path):
    for split, text in WORDS.items():
        (tmp_path / PennTreebank.files[split][0]).write_text(text)
    task = Bank(path=str(tmp_path), length=2)
    task.require()
    assert task.texts() == {"train": "an N \n<unk> b \n", "validation": "an \n", "test": "b \n"}
    assert task.signature().vocabulary == 1 + len(set("an N\n<uk>b"))
    canonical_texts._checked.cache_clear()
    (tmp_path / "ptb.valid.txt").write_text(lines("na"))
    with pytest.raises(DataError, match=r"ptb.valid.txt .*simple-examples"):
        task.texts()
    (tmp_path / "ptb.valid.txt").unlink()
    with pytest.raises(DataError, match=r"no file .*ptb.valid.txt"):
        task.require()


@pytest.mark.parametrize("end", ["", ".gz"])
def test_images_are_read_pixel_by_pixel(tmp_path, end):
    for name, array in zip(MNIST.files, IMAGES, strict=True):
        content = idx(array)
        (tmp_path / f"{name}{end}").write_bytes(gzip.compress(content) if end else content)
    task, permuted = Images(path=str(tmp_path)), Permuted(path=str(tmp_path))
    data, other = check_splits(task, None), permuted.splits(None)
    assert [len(data[name].x) for name in ("train", "validation", "test")] == [22, 2, 6]
    assert data["test"].x.shape == (6, 16, 1)
    assert numpy.allclose(255 * data["test"].x[2].ravel(), IMAGES[2][2].ravel())
    order = numpy.random.RandomState(92916).permutation(16)
    assert numpy.array_equal(other["test"].x[2], data["test"].x[2][order])
    assert data["test"].y.tolist() == IMAGES[3].tolist()
    # zeros are the most frequent class in training
    assert task.chance() == 0.5
    assert task.data_hash() != permuted.data_hash()


def test_other_images_are_refused(tmp_path):
    with pytest.raises(DataError, match=r"task.path=FOLDER"):
        Images().require()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz. Needed:"):
        Images(path=str(tmp_path)).require()
    for name, array in zip(MNIST.files, IMAGES, strict=True):
        (tmp_path / name).write_bytes(idx(255 - array))
    with pytest.raises(DataError, match="train-images-idx3-ubyte holds"):
        Images(path=str(tmp_path)).splits(None)
