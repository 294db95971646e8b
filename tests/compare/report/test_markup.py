"""A string in a template stays a string, whatever is in it."""

from __future__ import annotations

import json

import pytest
from jinja2 import UndefinedError
from markupsafe import Markup
from seams import html, number
from seams import markup_data as data
from seams import markup_text as text

from .studies import HOSTILE


@pytest.mark.parametrize("evil", HOSTILE)
def test_texts_and_attributes_are_escaped(evil: str) -> None:
    chart, plain = (html("charts.html", charts=[(x, x)], of=x) for x in (evil, "plain"))
    breaks = chart.count("<wbr>")
    assert chart.count("<") == chart.count(">") == plain.count("<") + breaks
    assert chart.count('"') == plain.count('"')
    assert "\u202e" not in chart


@pytest.mark.parametrize("evil", HOSTILE)
def test_macros_escape_their_arguments(evil: str) -> None:
    plain = html("environment.html", rows=[("a", "b")])
    shown = html("environment.html", rows=[(evil, evil)])
    assert shown.count("<") == plain.count("<")
    table = html("reproduce.html", steps=[(evil, evil)], data=[[evil, evil, evil]])
    assert table.count("<") == html("reproduce.html", steps=[("", "")], data=[["", "", ""]]).count(
        "<"
    )
    assert "\u202e" not in shown + table


def test_markup_is_left_as_it_is() -> None:
    assert "<b>a</b>&nbsp;" in html("charts.html", charts=[("", Markup("<b>a</b>&nbsp;"))], of="x")


def test_a_value_that_is_missing_is_an_error() -> None:
    with pytest.raises(UndefinedError, match="charts"):
        html("charts.html", of="x")


def test_lines_are_kept_and_other_control_characters_are_not() -> None:
    assert text("a\nb\tc\x1b") == "a\nb    c\\x1b"
    assert text(None) == ""
    assert text(3) == 3


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
