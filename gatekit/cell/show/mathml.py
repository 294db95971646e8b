"""MathML from the LaTeX that `latex` writes, for pages that do not load a library."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable
from html import escape

from .latex import GREEK

# A template that is nested deeper is shown as its source.
_MOST_DEPTH = 60
_TOKEN = re.compile(r"\\[A-Za-z]+|\\.|\d+(?:\.\d+)?|\s+|.", re.DOTALL)
_FUNCTIONS = frozenset({"tanh", "exp", "log", "sin", "cos", "min", "max"})
_SIGNS = {
    "odot": "⊙",
    "cdot": "⋅",
    "times": "×",
    "top": "⊤",
    "dots": "…",
    "sum": "∑",
    "langle": "⟨",
    "rangle": "⟩",
    "lfloor": "⌊",
    "rfloor": "⌋",
    "|": "‖",
    "{": "{",
    "}": "}",
}
_SPACES = {",": "0.17em", ":": "0.22em", ";": "0.28em", " ": "0.3em", "quad": "1em"}
_BOLD = {str(digit): chr(0x1D7CE + digit) for digit in range(10)}
_BOLD |= {chr(ord("A") + k): chr(0x1D400 + k) for k in range(26)}
_BOLD |= {chr(ord("a") + k): chr(0x1D41A + k) for k in range(26)}


def mathml(lines: Iterable[str]) -> str:
    """Return equations as one MathML element, aligned at their ``&=``.

    Unknown commands, which a plugin's template may contain, are shown as LaTeX.

    Args:
        lines: LaTeX, ``left &= right`` each, as `equations.equations` returns them.
    """
    rows = []
    for line in lines:
        left, equals, right = line.partition("&=")
        cells = [left, "=", right] if equals else ["", "", left]
        rows.append("".join(f"<mtd>{expression(cell)}</mtd>" for cell in cells))
    body = "".join(f"<mtr>{row}</mtr>" for row in rows)
    return f'<math display="block"><mtable displaystyle="true">{body}</mtable></math>'


def expression(latex: str) -> str:
    """Return one expression as MathML, or as its LaTeX source if it cannot be read."""
    try:
        return _Reader(latex).whole()
    except (_NotReadError, RecursionError):
        return f"<mtext>{escape(latex)}</mtext>"


class _NotReadError(Exception):
    pass


class _Reader:
    def __init__(self, latex: str) -> None:
        self.tokens = _TOKEN.findall(latex)
        self.place = 0
        self.depth = 0

    def whole(self) -> str:
        parts = self.until()
        return _row(parts)

    def until(self, *ends: str) -> list[str]:
        """Read scripted atoms up to and including one of the tokens, or to the end."""
        self.depth += 1
        if self.depth > _MOST_DEPTH:
            raise _NotReadError
        parts: list[str] = []
        while (token := self.take()) is not None:
            if token in ends:
                self.depth -= 1
                return parts
            if token.isspace():
                continue
            if token in "_^":
                parts.append(self.scripted(parts.pop() if parts else "<mrow></mrow>", token))
            else:
                parts.append(self.atom(token))
        if ends:
            raise _NotReadError
        self.depth -= 1
        return parts

    def scripted(self, base: str, sign: str) -> str:
        scripts = {sign: self.argument()}
        follows = self.peek()
        if follows is not None and follows in "_^" and follows != sign:
            self.take()
            scripts[follows] = self.argument()
        if len(scripts) == 2:
            return f"<msubsup>{base}{scripts['_']}{scripts['^']}</msubsup>"
        kind = "msub" if sign == "_" else "msup"
        return f"<{kind}>{base}{scripts[sign]}</{kind}>"

    def atom(self, token: str) -> str:
        if token == "{":
            return _row(self.until("}"))
        if token[0] == "\\":
            return self.command(token[1:])
        if token[0].isdigit():
            return f"<mn>{token}</mn>"
        if token.isalpha():
            return f"<mi>{escape(token)}</mi>"
        return f"<mo>{escape('−' if token == '-' else token)}</mo>"

    def command(self, name: str) -> str:
        if name == "left":
            opening = self.fence()
            inner = self.until("\\right")
            return f"<mrow>{opening}{''.join(inner)}{self.fence()}</mrow>"
        if name == "frac":
            return f"<mfrac>{self.argument()}{self.argument()}</mfrac>"
        if name == "sqrt":
            return f"<msqrt>{self.argument()}</msqrt>"
        if name in ("mathrm", "operatorname", "text"):
            return self.upright(self.raw())
        if name == "mathbf":
            return f"<mi>{escape(''.join(_BOLD.get(c, c) for c in self.raw()))}</mi>"
        if name in GREEK:
            return f"<mi>{_letter(name)}</mi>"
        if name in _FUNCTIONS:
            close = self.peek() in (None, "\\left", "_", "^", "(", "}")
            space = "" if close else f'<mspace width="{_SPACES[","]}"></mspace>'
            return f"<mrow>{self.upright(name)}{space}</mrow>" if space else self.upright(name)
        if name in _SIGNS:
            return f"<mo>{_SIGNS[name]}</mo>"
        if name in _SPACES:
            return f'<mspace width="{_SPACES[name]}"></mspace>'
        return f"<mtext>{escape(name if name in '_&%#$' else chr(92) + name)}</mtext>"

    def upright(self, text: str) -> str:
        return f'<mi mathvariant="normal">{escape(text)}</mi>'

    def fence(self) -> str:
        token = self.take()
        if token is None:
            raise _NotReadError
        sign = "" if token == "." else _SIGNS.get(token.lstrip("\\"), token)
        return f'<mo stretchy="true">{escape(sign)}</mo>' if sign else ""

    def argument(self) -> str:
        token = self.take()
        while token is not None and token.isspace():
            token = self.take()
        if token is None or token in "}_^":
            raise _NotReadError
        return self.atom(token)

    def raw(self) -> str:
        """Return the content of the next braces, in which only ``\\_`` is an escape."""
        if self.take() != "{":
            raise _NotReadError
        depth, text = 1, ""
        while (token := self.take()) is not None:
            depth += {"{": 1, "}": -1}.get(token, 0)
            if depth == 0:
                return text
            text += token[1:] if token[0] == "\\" and not token[1:].isalpha() else token
        raise _NotReadError

    def peek(self) -> str | None:
        return self.tokens[self.place] if self.place < len(self.tokens) else None

    def take(self) -> str | None:
        token = self.peek()
        self.place += token is not None
        return token


def _row(parts: list[str]) -> str:
    return parts[0] if len(parts) == 1 else f"<mrow>{''.join(parts)}</mrow>"


def _letter(name: str) -> str:
    # Unicode spells this letter differently.
    spelt = "LAMDA" if name == "lambda" else name.upper()
    return unicodedata.lookup(f"GREEK SMALL LETTER {spelt}")
