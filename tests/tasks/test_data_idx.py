"""IDX files, zipped and not, whole and damaged."""

import gzip

import numpy
import pytest

from gatekit import DataError
from gatekit.tasks import read_idx

PLAIN = bytes([0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 1, 2, 3, 4, 5, 255])
# of no time, so that the tests' names are the same in every process
PACKED = gzip.compress(PLAIN, mtime=0)


@pytest.mark.parametrize("content", [PLAIN, PACKED])
def test_the_array_is_read(content):
    found = read_idx(content, (2, 3), "small")
    assert found.tolist() == [[1, 2, 3], [4, 5, 255]]
    assert found.dtype == numpy.uint8


@pytest.mark.parametrize(
    ("content", "says"),
    [
        (b"", "is not an IDX file"),
        (PLAIN[:7], "is not an IDX file"),
        (bytes([0, 0, 13, 2]) + PLAIN[4:], "is not an IDX file of unsigned bytes with 2 axes"),
        (
            PLAIN[:-1],
            r"should have the shape \(2, 3\); its header has \(2, 3\), and it has 5 values",
        ),
        (PLAIN + b"x", "has 7 values"),
        (PLAIN[:7] + b"\x03" + PLAIN[8:], r"header has \(3, 3\)"),
        (PACKED[:-9], "is damaged"),
        (PACKED[:12] + b"xx", "is damaged"),
    ],
)
def test_damage_is_named(content, says):
    with pytest.raises(DataError, match=f"small.*{says}"):
        read_idx(content, (2, 3), "small")
