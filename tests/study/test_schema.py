"""Exact types."""

import pytest

from gatekit.study.schema import WrongError, mapping, number, optional, text, texts, whole


@pytest.mark.parametrize(
    ("check", "good", "bad"),
    [
        (whole(1, 4), [1, 4], [0, 5, True, 2.0, "2", None]),
        (number(0, 1, above=True), [0.1, 1], [0, 1.1, False, "1", float("nan"), float("inf")]),
        (text, ["a"], ["", " ", 1, None]),
        (texts, [[], ["a"]], ["a", [1], [""]]),
        (mapping, [{}, {"a": 1}], [{1: 2}, [], None]),
        (optional(whole(1)), [None, 3], [0, "x"]),
    ],
)
def test_checks(check, good, bad):
    for value in good:
        assert check(value) == value
    for value in bad:
        with pytest.raises(WrongError):
            check(value)
