"""A checkpoint is what was written, to the last bit, or it is none."""

import hashlib
import io
import json

import numpy
import pytest
from seams import Checkpoint, DamagedError, pack, unpack

from gatekit import RunError

ARRAYS = {"weight/rnn_0/reset*h_prev": numpy.arange(6, dtype="float32").reshape(2, 3)}
ARRAYS |= {"optimizer/0/iteration": numpy.array(3, "int64"), "best/w": numpy.zeros(0)}
MADE = Checkpoint(ARRAYS, {"step": 3, "loss": float("nan"), "best": [2, 0.5]}, {"numpy": "2"})


def test_it_reads_back_with_types_and_names():
    found = unpack(pack(MADE))
    assert list(found.arrays) == list(ARRAYS)
    for name, value in ARRAYS.items():
        assert found.arrays[name].dtype == value.dtype
        numpy.testing.assert_array_equal(found.arrays[name], value)
    assert found.position["best"] == [2, 0.5]
    assert numpy.isnan(found.position["loss"])
    assert found.made_with == MADE.made_with


def test_a_flipped_bit_anywhere_is_found():
    data = pack(MADE)
    for place in range(0, len(data), 7):
        wrong = bytearray(data)
        wrong[place] ^= 1 << place % 8
        with pytest.raises(DamagedError, match="checksum"):
            unpack(bytes(wrong))


@pytest.mark.parametrize("size", [0, 1, 63, 64, 65, 400])
def test_half_a_file_is_found(size):
    with pytest.raises(DamagedError):
        unpack(pack(MADE)[:size])
    with pytest.raises(DamagedError):
        unpack(pack(MADE) + b"\0" * (size + 1))


def test_a_newer_format_is_not_guessed():
    archive = io.BytesIO()
    about = numpy.frombuffer(json.dumps({"format": 99}).encode(), numpy.uint8)
    numpy.savez(archive, about=about)
    data = archive.getvalue()
    with pytest.raises(RunError, match=r"format 99; .*pip install"):
        unpack(hashlib.sha256(data).hexdigest().encode() + data)
