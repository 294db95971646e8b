"""Labelled sequences: files of the archives, padding, a validation set without a draw."""

import numpy
import pytest

from gatekit import DataError
from gatekit.tasks import Labelled, every_fifth, majority, read_ts

HEAD = "# a comment\n@problemName Small\n@univariate false\n@classLabel true low high\n@data\n"


def read(text):
    return read_ts(text.encode(), "small.ts")


def test_a_line_becomes_a_sequence_of_steps_and_a_label():
    found = read(HEAD + "1,2,3:4,5,6:high\n\n-1.5:2e1:low\n")
    assert found.labels.tolist() == [1, 0]
    assert [s.tolist() for s in found.sequences] == [[[1, 4], [2, 5], [3, 6]], [[-1.5, 20]]]
    batch = found.batch()
    assert batch.x.shape == (2, 3, 2)
    assert batch.mask.tolist() == [[True] * 3, [True, False, False]]
    assert not batch.x[1, 1:].any()
    assert batch.y.dtype == "int32"


def test_sequences_of_one_length_have_no_mask():
    assert read(HEAD + "1,2:low\n3,4:high\n").batch().mask is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("", "no line @data: it is truncated"),
        (HEAD[:-6], "no line @data"),
        ("@data\n1:2\n", "names no classes"),
        (HEAD, "has no sequences"),
        (HEAD + "1,2:medium\n", "line 6: the label 'medium' is not known"),
        (HEAD + "1,2\n", "line 6: the label '1,2' is not known"),
        (HEAD + "1,x:low\n", "line 6: could not convert"),
        (HEAD + "1,2:3:low\n", "line 6: .*inhomogeneous"),
        (HEAD + "1,2:low\n1,2:3,4:low\n", "unequal numbers of features"),
    ],
)
def test_a_file_of_another_form_is_refused(text, says):
    with pytest.raises(DataError, match=f"small.ts.*{says}"):
        read(text)


def test_bytes_that_are_no_text_are_refused():
    with pytest.raises(DataError, match=r"small.ts is not a text file"):
        read_ts(b"\xff\xfe@data", "small.ts")


def test_every_fifth_of_each_class_is_held_back():
    labels = numpy.array([0] * 11 + [1] * 4 + [2] * 5)
    assert numpy.flatnonzero(every_fifth(labels)).tolist() == [4, 9, 19]


def test_majority_is_the_share_of_the_most_frequent_class_of_training():
    test = numpy.array([0, 1, 1, 1])
    assert majority(numpy.array([0, 0, 1]), test) == 0.25
    assert majority(numpy.array([0, 1]), test) == 0.5


def test_rows_are_taken_with_their_labels():
    found = Labelled([numpy.zeros((1, 1)), numpy.ones((2, 1))], numpy.array([3, 4]))
    some = found.taken(numpy.array([1]))
    assert len(some.sequences[0]) == 2
    assert some.labels.tolist() == [4]
