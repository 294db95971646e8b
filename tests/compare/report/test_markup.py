"""Whatever a text holds, it stays a text."""

from __future__ import annotations

import json

import pytest

from gatekit.compare.report.markup import Markup, data, facts, number, table, tag, text

from .studies import HOSTILE


@pytest.mark.parametrize("evil", HOSTILE)
def test_texts_and_attributes_are_escaped(evil: str) -> None:
    made = tag("p", evil, title=evil)
    assert made.count("<") == 2
    assert made.count('"') == 2
    assert "\u202e" not in made


def test_markup_is_left_as_it_is() -> None:
    assert tag("p", tag("b", "a"), Markup("&nbsp;"), None) == "<p><b>a</b>&nbsp;</p>"
    assert tag("input", type="text", checked=True, value=None, hidden=False) == (
        '<input type="text" checked/>'
    )


def test_tables_and_facts_escape_their_cells() -> None:
    evil = HOSTILE[0]
    assert "<script" not in table([evil], [[evil, evil]], "plain")
    assert "<script" not in facts([(evil, evil)])


def test_lines_are_kept_and_other_control_characters_are_not() -> None:
    assert text("a\nb\tc\x1b") == "a\nb    c\\x1b"


def test_data_cannot_close_its_script_and_comes_back_whole() -> None:
    plain = {"name": "</script><!--<script>", "lines": "\u2028\u2029&"}
    written = data(plain)
    assert not set("<>&\u2028") & set(written)
    assert json.loads(written) == plain
    with pytest.raises(ValueError, match="JSON"):
        data(float("nan"))


def test_numbers_have_the_digits_that_show() -> None:
    assert number(8.123456789) == 8.123457
    assert number(3.0) == 3
    assert isinstance(number(3.0), int)
    assert number(1.23456e-9, 3) == 1.23e-9
