"""Notation from papers and other languages: why gatekit refuses it, and what to type instead."""

from __future__ import annotations

import re
import unicodedata

from .repair import word_of_python

_SIGNS = {
    **dict.fromkeys("\u00b7\u00d7\u22c5\u2217\u2299\u2218\u2022", "*"),
    **dict.fromkeys("\u2212\u2013\u2014", "-"),
    **dict.fromkeys("\u00f7\u2215", "/"),
    **dict.fromkeys("\u03c3", "sigmoid"),
    **dict.fromkeys("\u2080\u2081\u2032\u2019", "_prev"),
    "\u00b2": "**2",
    "\u00b3": "**3",
    "\u221a": "sqrt",
    "\u2202": "d",
}
"""Signs of printed equations, each with its ASCII spelling."""
MATRICES = re.compile(r"\b[WURV](_?\w*)? *[({]?[a-z]")
"""A product with a learned matrix, as papers write it."""
_WHERE = "where(x, a, b) is a if x > 0, otherwise b"
_REASONS = (
    (r"^ *if\b|\bthen\b", f"an `if` is not part of the equation language; {_WHERE}"),
    (r"\?", f"`?` is not an operator of equations; {_WHERE}"),
    (r"&&|\|\||->|<-|\+\+|--$|\.[*/^]|[-+*/]=|\$|@=|\*\*=|!(?!=)", ""),
    (r"(?<![=!<>])=(?!=)", "an equation is only its right-hand side: NAME: EXPRESSION"),
    (
        r"(?<=\S);",
        "an equation is one expression; write each part as NAME: EXPRESSION on its own line",
    ),
    (r"\|", ""),
    (r"(?<=\d)%", "a percentage is not a number"),
    (r"(?<![\w.])\d+(?:\.\d+)?(?=[A-Za-z_])", "there is no operator between a number and a name"),
    (r"[-+*/,]\s*$", "the equation ends with an operator"),
    (r"^\s*[*/,]", "the equation begins with an operator"),
    (r"[-+*/]\s+[*/]", "two operators follow each other"),
    (r"(?<=[\w)])\s+(?=[\w(])", "there is no operator between two names"),
    (r"(?<=\))(?=[\w(])", "there is no operator after the bracket"),
)
"""Patterns that Python's grammar refuses, each with the reason.

If the reason is empty, the message names the operator.
"""


def syntax(text: str, message: str, place: int) -> tuple[str, int, int]:
    """Return why a string is not an expression, and the start and end of the part to mark.

    Args:
        text: the equation.
        message: the error of Python's parser.
        place: the position that the parser reports.
    """
    if "\\" in text:
        return "LaTeX is not supported", text.index("\\"), text.index("\\") + 1
    if (match := word_of_python(text)) is not None:
        start, end = match.span(match.lastgroup or 0)
        word = text[start:end]
        return f"{word!r} is a Python keyword and cannot be a name", start, end
    if re.search("closed|unmatched|parenthes|nested", message):
        # Python's advice, such as a forgotten comma, does not apply to equations.
        return message.partition(". ")[0], place, place + 1
    for pattern, why in _REASONS:
        if match := re.search(pattern, text):
            reason = why or f"`{match[0]}` is not an operator of equations"
            return reason, match.start(), max(match.end(), match.start() + 1)
    return "invalid syntax", place, place + 1


def written(text: str) -> str:
    """Return what to write in place of a paper's notation, as the end of a sentence."""
    if "\\" in text:
        plain = re.sub(r" *\\(?:odot|cdot|times|circ)\b *", " * ", text)
        plain = re.sub(r"\\(?:mathrm|operatorname|text)\{(\w+)\}|\\([a-z]+)", r"\1\2", plain)
        plain = re.sub(r"_\{?t *- *1\}?", "_prev", re.sub(r"_\{?t\}?(?! *-)", "", plain))
        return f"; write {plain.replace('{', '(').replace('}', ')')}"
    if re.search(r"_\{?t *- *1", text):
        plain = re.sub(r"_\{?t *- *1\}?", "_prev", text)
        plain = re.sub(r"_\{t\}", "", plain)
        return f"; the previous value of h is h_prev: write {plain}"
    if MATRICES.search(text):
        return (
            "; learned matrices are in the reads of a gate: "
            "candidate: {activation: tanh(pre), reads: [x, h_prev]}"
        )
    return ""


def in_ascii(character: str) -> str:
    """Return the ASCII spelling of a character: ``*`` for a dot, ``alpha`` for the Greek letter."""
    if character in _SIGNS:
        return _SIGNS[character]
    greek = re.fullmatch(r"GREEK \w+ LETTER (?:FINAL )?(\w+)", unicodedata.name(character, ""))
    if greek:
        return greek[1].lower()
    return " " if character.isspace() else unicodedata.normalize("NFKC", character)
