"""Texts as windows of characters, numbered by the training text alone."""

import math

import numpy
import pytest
from seams import check_splits, windows

from gatekit import ConfigError, DataError
from gatekit.tasks import CharacterModel, decoded, recipe_hash, split_text


class Small(CharacterModel):
    def texts(self):
        return {"train": "abababcabab", "validation": "abzab", "test": "bazaab"}

    def text_hash(self):
        return recipe_hash("small/1", self.texts())


def test_windows_follow_one_another_and_predict_the_next_character():
    batch = windows("abcdefg", {c: i for i, c in enumerate("abcdefg", 1)}, 2, "train")
    assert batch.x.tolist() == [[1, 2], [3, 4], [5, 6]]
    assert batch.y.tolist() == [[2, 3], [4, 5], [6, 7]]
    assert batch.x.dtype == "int32"
    assert len(windows("abcdef", {}, 2, "train").x) == 2


def test_the_vocabulary_is_that_of_the_training_text_and_one_for_the_rest():
    task = Small(length=3)
    assert task.signature().vocabulary == task.signature().outputs == 4
    data = check_splits(task, None)
    assert set(numpy.unique(data["train"].x)) == {1, 2, 3}
    # z stands in no training text
    assert data["test"].x.tolist() == [[2, 1, 0]]
    assert data["test"].y.tolist() == [[1, 0, 1]]


def test_a_character_that_is_unknown_has_the_token_of_the_first_place():
    task = Small(length=3)
    assert task.characters()[1:] == ["a", "b", "c"]
    assert task.encode("zacb") == [0, 1, 3, 2]
    assert task.decode([1, 3, 2]) == "acb"


def test_a_limit_cuts_the_training_text_only():
    task = Small(length=2, limit=6)
    assert task.signature().vocabulary == 3
    assert len(task.splits(None)["train"].x) == 2
    assert len(task.splits(None)["test"].x) == 2
    assert task.data_hash() != Small(length=2).data_hash()


def test_chance_is_the_bits_of_the_frequencies_of_training():
    # of 11 characters 5 are a, 5 are b, 1 is c; azaab is predicted as aza, which is a whole window
    p = {c: (n + 0.5) / (11 + 0.5 * 4) for c, n in {"a": 5, "b": 5, "z": 0}.items()}
    expected = -sum(math.log2(p[c]) for c in "aza") / 3
    assert Small(length=3).chance() == pytest.approx(expected, rel=1e-12)


def test_a_text_that_is_too_short_says_what_to_type():
    with pytest.raises(DataError, match=r"5 characters.*task.length"):
        Small(length=5).splits(None)
    with pytest.raises(ConfigError, match="limit=5 leaves no window of length=5; at least 6"):
        Small(length=5, limit=5)


def test_a_plain_text_is_split_at_its_end():
    parts = split_text("".join(map(chr, range(200, 300))))
    assert [len(part) for part in parts.values()] == [90, 5, 5]
    assert "".join(parts.values()) == "".join(map(chr, range(200, 300)))


def test_line_ends_and_a_mark_at_the_beginning_do_not_count():
    assert decoded("\ufeffa\r\nb\rc\n".encode(), "x") == "a\nb\nc\n"


def test_another_encoding_says_where():
    with pytest.raises(DataError, match=r"x.txt .*byte 3: "):
        decoded("Zwölf"[:2].encode() + b"\nw\xf6lf"[:1] + b"\xf6", "x.txt")
