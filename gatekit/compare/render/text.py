"""Labels as they are drawn: wrapped, shortened, and with escapes for what the font lacks."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from textwrap import wrap

from gatekit.compare.grouping.label import printable

LETTER = 0.055
"""Width of a letter in inches."""

_LEGEND_ROW, _LEGEND_HANDLE = 0.145, 0.40
_LONGEST = 34
_NO_BREAK = "\N{NO-BREAK SPACE}"
_IN_PARENTHESES = re.compile(r"\([^()]*\)")
_SIZES = ((1e12, " T"), (1e9, " G"), (1e6, " M"), (1e3, " k"))


def legend_layout(labels: Sequence[str], width: float) -> tuple[list[str], int, float]:
    """Return the labels of a legend in lines, its columns, and its height in inches."""
    shown = ["\n".join(wrapped(label, width - _LEGEND_HANDLE)) for label in labels]
    lines = [label.count("\n") + 1 for label in shown]
    longest = max([1, *(len(line) for label in shown for line in label.split("\n"))])
    columns = max(1, min(len(shown), int(width / (_LEGEND_HANDLE + LETTER * longest))))
    return shown, columns, _LEGEND_ROW * math.ceil(sum(lines) / columns)


def block(text: str, width: float) -> str:
    """Return plottable text of lines that are at most ``width`` inches wide."""
    return "\n".join(line for part in text.split("\n") for line in wrapped(plottable(part), width))


def wrapped(text: str, width: float) -> list[str]:
    """Return the lines of a label that is at most ``width`` inches wide.

    Text in parentheses, such as ``(n = 6)``, stays on one line.
    """
    whole = _IN_PARENTHESES.sub(lambda found: found[0].replace(" ", _NO_BREAK), text)
    lines = wrap(whole, max(1, int(width / LETTER)), break_on_hyphens=False)
    return [line.replace(_NO_BREAK, " ") for line in lines]


def plottable(text: str) -> str:
    """Return one line with dollar signs escaped and missing glyphs as escape sequences."""
    from matplotlib.font_manager import findfont, get_font

    font = get_font(findfont("DejaVu Sans"))
    shown = "".join(
        char if font.get_char_index(ord(char)) else char.encode("unicode_escape").decode()
        for char in printable(text)
    )
    return shown.replace("$", r"\$")


def shortened(text: str, longest: int = _LONGEST) -> str:
    """Return plottable text cut in the middle, because labels of one cell differ at their ends."""
    shown = plottable(text)
    if len(shown) <= longest:
        return shown
    end = longest // 2
    return f"{shown[: longest - end - 1]}\N{HORIZONTAL ELLIPSIS}{shown[-end:]}"


def tick_text(value: float) -> str:
    """Return the label of a tick: ``0.01``, ``50 k``, ``2e-05``."""
    for size, unit in _SIZES:
        if abs(value) >= size:
            return f"{value / size:g}{unit}".replace("-", "\N{MINUS SIGN}")
    return f"{value:g}".replace("-", "\N{MINUS SIGN}")


def log_ticks(low: float, high: float, most: int) -> list[float]:
    """Return at most ``most`` ticks of a logarithmic axis, which distinguish its values best."""
    powers = range(math.floor(math.log10(low)), math.ceil(math.log10(high)) + 1)
    ticks: list[float] = []
    for steps in ((1, 2, 5), (1, 3), (1,)):
        ticks = [t for p in powers for s in steps if low <= (t := float(f"{s}e{p}")) <= high]
        if len(ticks) <= most:
            return ticks
    return ticks[:: math.ceil(len(ticks) / most)]
