"""``gatekit data``: what the command line calls."""

import hashlib
import zipfile

import pytest
from seams import data

from gatekit import DataError, Task
from gatekit.tasks import PackageSource


@pytest.fixture
def archive(tmp_path, monkeypatch):
    monkeypatch.setenv("GATEKIT_DATA", str(tmp_path / "cache"))
    path = tmp_path / "letters-1.0-py3-none-any.whl"
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("pack/a.txt", "content")
    return path


@pytest.fixture
def tasks(archive):
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()

    class Letters(Task):
        source = PackageSource("letters", "1.0", digest, ("pack/a.txt",), "letters")

    class Procedural(Task):
        pass

    return {"spelling": Letters, "reading": Letters, "none": Procedural}


def test_get_path_and_verify_give_the_folder(archive, tasks):
    folder = data.get("letters", tasks, archive)
    assert (folder / "pack/a.txt").read_text() == "content"
    assert data.path("letters", tasks) == data.verify("letters", tasks) == folder


def test_listing_says_what_is_there_and_what_to_type(archive, tasks, tmp_path):
    (row,) = data.listing(tasks)
    assert row["state"].endswith("type: gatekit data get letters")
    data.get("letters", tasks, archive)
    assert data.listing(tasks) == [
        {
            "name": "letters",
            "package": "letters",
            "version": "1.0",
            "state": "ready",
            "path": str(tmp_path / "cache/letters-1.0"),
        }
    ]


def test_what_the_user_brings_is_listed_and_verified_by_reading_it(tasks, tmp_path):
    class Brought(Task):
        path: str | None = None
        own_file = "words.txt of somewhere"

        def require(self):
            if not (tmp_path / self.path).exists():
                raise DataError(f"there is no {self.path}")

        def splits(self, rng):
            return {"train": (tmp_path / self.path).read_text()}

        signature = chance = data_hash = require

    both = {**tasks, "brought": Brought}
    row = next(row for row in data.listing(both) if row["name"] == "brought")
    assert row["package"] == row["path"] == ""
    assert row["state"] == "provide it yourself: words.txt of somewhere"
    (tmp_path / "words.txt").write_text("text")
    assert data.verify("brought", both, tmp_path / "words.txt") == tmp_path / "words.txt"
    with pytest.raises(DataError, match=r"there is no .*other.txt"):
        data.verify("brought", both, tmp_path / "other.txt")


@pytest.mark.parametrize("ask", [data.get, data.path, data.verify])
def test_an_unknown_name_suggests_the_nearest(ask, tasks):
    with pytest.raises(DataError, match=r"did you mean 'letters'"):
        ask("leters", tasks)


def test_verify_finds_what_path_does_not_read(archive, tasks):
    folder = data.get("letters", tasks, archive)
    (folder / "pack/a.txt").write_text("other")
    assert data.path("letters", tasks) == folder
    with pytest.raises(DataError, match="was changed"):
        data.verify("letters", tasks)


def test_two_tasks_may_not_mean_different_data_by_one_name(tasks):
    class Other(Task):
        source = PackageSource("letters", "2.0", "0" * 64, ("b.txt",), "letters")

    with pytest.raises(DataError, match="different data under the name 'letters'"):
        data.sources({**tasks, "other": Other})
