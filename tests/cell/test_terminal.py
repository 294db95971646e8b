"""What reaches a terminal."""

from __future__ import annotations

import io
import json
import unicodedata

import pytest
from rich.table import Table
from rich.text import Text
from seams import OutputError, Terminal, console, without_sequences


class Screen(io.StringIO):
    """A terminal of an encoding."""

    def __init__(self, encoding: str = "utf-8") -> None:
        super().__init__()
        self._encoding = encoding

    @property
    def encoding(self) -> str:  # type: ignore[override]
        return self._encoding

    def isatty(self) -> bool:
        return True


def characters(*ranges: range) -> str:
    return "".join(chr(code) for codes in ranges for code in codes)


SMALL, MARKS, TAGS = range(0x3000), range(0xF000, 0x10000), range(0xE0000, 0xE0100)
SURROGATES = range(0xD800, 0xE000)


def test_no_character_controls_a_terminal() -> None:
    screen = Screen()
    Terminal(screen).write(characters(SMALL, MARKS, TAGS, SURROGATES))
    left = {
        c for c in screen.getvalue() if unicodedata.category(c)[0] == "C" or c in "\u2028\u2029"
    }
    assert left == {"\n", "\t"}


def test_json_stays_what_it_was() -> None:
    screen = Screen("ascii")
    data = {characters(SMALL, MARKS, TAGS): "é\ud800\U000e0001"}
    Terminal(screen).write(json.dumps(data, ensure_ascii=False))
    assert screen.getvalue().isascii()
    assert json.loads(screen.getvalue()) == data


def test_what_an_encoding_lacks_is_escaped() -> None:
    screen = Screen("latin-1")
    Terminal(screen).write("é → ü")
    assert screen.getvalue() == r"é \u2192 ü"


def test_a_progress_bar_keeps_its_colours_and_nothing_else() -> None:
    screen = Screen()
    Terminal(screen, passing="\r\b", colours=True).write(
        "\b\r\x1b[1m3/9\x1b[0m \x1b[2J\x1b]0;x\x07"
    )
    assert screen.getvalue() == "\b\r\x1b[1m3/9\x1b[0m \\u001b[2J\\u001b]0;x\\u0007"


@pytest.mark.parametrize("wrap", [Screen, lambda: Terminal(Screen())])
def test_a_table_has_gatekits_colours_only(wrap) -> None:  # type: ignore[no-untyped-def]
    stream = wrap()
    table = Table(title="\x1b[7mtitle")
    table.add_column(Text("head\x1b[31m, wide enough for the row"))
    table.add_row(Text("cell\x1b[31m\u202e", style="bold"))
    shown = console(stream, color_system="standard", force_terminal=True, width=60)
    shown.print(table)
    written = stream.getvalue()
    assert "\x1b[1mcell\\u001b[31m\\u202e " in written
    assert "\x1b[31m" not in written
    assert "\x1b[7m" not in written


def test_a_table_in_a_pipe_has_no_spaces_at_the_ends_of_lines() -> None:
    pipe = io.StringIO()
    table = Table("left", "right")
    table.add_row("a", "b")
    console(Terminal(pipe), width=60).print(table)  # type: ignore[arg-type]
    lines = pipe.getvalue().splitlines()
    assert len(lines) > 2
    assert [line for line in lines if line != line.rstrip()] == []


class Full(Screen):
    """A terminal that takes nothing."""

    def write(self, text: str) -> int:
        raise OSError(28, "No space left on device")


def test_a_failed_write_is_remembered_unless_it_may_fail() -> None:
    strict = Terminal(Full())
    with pytest.raises(OutputError, match="No space left"):
        strict.write("x")
    with pytest.raises(OutputError, match="No space left"):
        strict.finish()
    lenient = Terminal(Full(), strict=False)
    lenient.write("x")
    lenient.finish()


@pytest.mark.parametrize(
    ("line", "shown"),
    [
        ("\x1b[1m1/9\x1b[0m\r\x1b[32m9/9\x1b[0m\r", "9/9"),
        ("a\x1b]8;;http://x\x1b\\link\x1b]8;;\x07b", "alinkb"),
        ("\x1b(B\x1b7plain\x1b[?25h", "plain"),
        ("\b\b\b12", "12"),
        ("", ""),
    ],
)
def test_a_line_of_a_log_is_shown_as_it_looked(line: str, shown: str) -> None:
    assert without_sequences(line) == shown
