"""Exact types."""

import pytest

from gatekit.study.schema import (
    WrongError,
    cells,
    flag,
    flag_or_auto,
    mapping,
    number,
    one_of,
    optional,
    steps_or_share,
    text,
    texts,
    whole,
)


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (whole(1, 4), [1, 4], [0, 5, True, 2.0, "2", None]),
        (number(0, 1, above=True), [0.1, 1], [0, 1.1, False, "1", float("nan"), float("inf")]),
        (text, ["a"], ["", " ", 1, None]),
        (texts, [[], ["a"]], ["a", [1], [""]]),
        (mapping, [{}, {"a": 1}], [{1: 2}, [], None]),
        (optional(whole(1)), [None, 3], [0, "x"]),
        (number(0, 1, below=True), [0, 0.9], [1, -0.1]),
        (flag, [True, False], [1, 0, "true", None]),
        (flag_or_auto, [True, False, "auto"], [1, "true", None]),
        (one_of("a", "b"), ["a", "b"], ["c", "", None, ["a"]]),
        (cells, [["lstm"], ["gru", {"name": "own"}]], [[], "lstm", [""], [{}], [3]]),
        (steps_or_share, [0, 7, 0.0, 0.25], [-1, 1.5, 1.0, -0.1, "7", True]),
    ],
)
def test_checks(check, good, bad):
    for value in good:
        assert check(value) == value
        assert isinstance(check(value), bool) == isinstance(value, bool)
    for value in bad:
        with pytest.raises(WrongError):
            check(value)
