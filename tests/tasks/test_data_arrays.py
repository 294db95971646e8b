"""Arrays in a file: never unpickled, and a damaged file says what to do."""

import pickle

import numpy
import pytest

from gatekit import DataError
from gatekit.tasks import read_npz, write_npz

ARRAYS = {"a": numpy.arange(2000), "b": numpy.ones((2, 3), "uint8")}


def refused(path, says):
    with pytest.raises(DataError, match=rf"rolls\.npz.*{says}.*; delete it"):
        read_npz(path, ARRAYS, "delete it")


def test_what_was_written_is_read(tmp_path):
    write_npz(tmp_path / "rolls.npz", ARRAYS)
    for name, array in read_npz(tmp_path / "rolls.npz", ARRAYS, "").items():
        assert array.dtype == ARRAYS[name].dtype
        assert numpy.array_equal(array, ARRAYS[name])


@pytest.mark.parametrize("share", [0.0, 0.1, 0.5, 0.99])
def test_a_truncated_file_is_refused(tmp_path, share):
    path = tmp_path / "rolls.npz"
    write_npz(path, ARRAYS)
    content = path.read_bytes()
    path.write_bytes(content[: int(share * len(content))])
    refused(path, "cannot be read")


def test_a_flipped_bit_is_refused(tmp_path):
    path = tmp_path / "rolls.npz"
    write_npz(path, ARRAYS)
    content = bytearray(path.read_bytes())
    content[300] ^= 8
    path.write_bytes(content)
    refused(path, "cannot be read")


def test_missing_file_and_array_are_named(tmp_path):
    refused(tmp_path / "rolls.npz", "cannot be read")
    write_npz(tmp_path / "rolls.npz", {"a": ARRAYS["a"]})
    refused(tmp_path / "rolls.npz", "lacks b")


class Trap:
    """What must never be unpickled."""

    def __reduce__(self):
        return (pytest.fail, ("a data file ran code",))


def test_objects_are_not_written(tmp_path):
    with pytest.raises(ValueError, match="Object arrays"):
        write_npz(tmp_path / "rolls.npz", {"a": numpy.array([Trap()], object)})
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("form", ["npz", "npy", "pickle"])
def test_pickled_objects_are_refused_unread(tmp_path, form):
    path = tmp_path / "rolls.npz"
    trap = numpy.array([Trap()], object)
    with path.open("wb") as file:
        if form == "npz":
            numpy.savez(file, a=trap, b=trap)
        elif form == "npy":
            numpy.save(file, trap)
        else:
            pickle.dump(Trap(), file)
    refused(path, "pickle|not an npz")


def test_an_npy_file_is_no_archive(tmp_path):
    with (tmp_path / "rolls.npz").open("wb") as file:
        numpy.save(file, ARRAYS["a"])
    refused(tmp_path / "rolls.npz", "is not an npz archive")
