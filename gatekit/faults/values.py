"""Values as people write them."""

from __future__ import annotations

import ast
import math
import re
import shlex
from collections.abc import Mapping
from typing import Any

SWITCHES = {
    **dict.fromkeys(("yes", "on", "1", "true"), True),
    **dict.fromkeys(("no", "off", "0", "false"), False),
}
"""The words that people write for true and false."""


class Described(str):
    """The description of an object that is not plain data, which is quoted as it is."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


def kind_of(value: object) -> str:
    """Return the type of a value in words."""
    kinds = {bool: "a boolean", int: "an integer", float: "a number", str: "a string"}
    kinds |= {dict: "a mapping", list: "a list", tuple: "a list", type(None): "nothing"}
    return kinds.get(type(value), type(value).__name__)


def as_typed(value: object, quoted: bool = False) -> str:
    """Return a value as it is typed on a command line.

    Args:
        value: plain data.
        quoted: whether to put a string in quotes; strings inside a list or mapping have none.
    """
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    if isinstance(value, str):
        return repr(value) if quoted else value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {as_typed(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(as_typed, value)) + "]"
    return safe_repr(value)


_QUOTED = re.compile(r"[^ \t\w/\\+.$%*@?|:-]|^\s|\s$", re.ASCII)


def in_hydra(value: object) -> str:
    """Return a value in the grammar of Hydra, in which most characters need quotes."""
    if isinstance(value, dict):
        return "{" + ", ".join(f"{k}: {in_hydra(v)}" for k, v in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ",".join(map(in_hydra, value)) + "]"
    if not isinstance(value, str) or "${" in value or not _QUOTED.search(value):
        return as_typed(value)
    # Within double quotes of a shell, these characters would need a backslash.
    mark = '"' if set(value) & set("'`$!\\") else "'"
    escaped = re.sub(rf"(\\*)({mark}|$)", lambda m: m[1] * 2 + (m[2] and f"\\{m[2]}"), value)
    return f"{mark}{escaped}{mark}"


def in_shell(word: str) -> str:
    """Return a word as it is typed in a shell, with the fewest quotes."""
    if shlex.quote(word) == word or not set(word) & set(" \t\n()[]{}*?;&|<>'\"$`\\!#~"):
        return word
    return shlex.quote(word) if set(word) & set('"$`\\!') or "'" not in word else f'"{word}"'


def safe_repr(value: Any) -> str:
    """Return ``repr(value)``; a message never fails because of what it quotes."""
    try:
        return repr(value)
    except ValueError:  # an integer of more than 4,300 digits
        if isinstance(value, int):
            return f"a number of {int(math.log10(abs(value))) + 1:,} digits"
    except Exception:  # whatever an object of the user's raises
        pass
    return f"an object of {type(value).__name__}"


def excerpt(text: str, most: int = 60) -> str:
    """Return the beginning of a quoted string, at most ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def is_plain(value: Any) -> bool:
    """Return whether a value can be shown as it is written."""
    if isinstance(value, Mapping):
        return all(map(is_plain, value.values()))
    if isinstance(value, (list, tuple)):
        return all(map(is_plain, value))
    return value is None or isinstance(value, (str, bool, int, float))


OFF = ("none", "null", "off", "false", "no", "0", "disabled")


def is_off(value: object) -> bool:
    """Return whether a value asks for something to be left out, such as ``false`` or ``none``."""
    return value is None or as_typed(value).lower() in OFF


def amount_of(value: object) -> int | float | None:
    """Return the number that a string means, such as ``1k``, ``50%``, ``0,1`` or ``1,000``.

    It is None for any other string, and for a value that is not a string.
    """
    text = value.strip() if isinstance(value, str) else ""
    if (ratio := _RATIO.fullmatch(text)) and float(ratio[2]):
        return float(ratio[1]) / float(ratio[2])
    grouped = re.fullmatch(_GROUPED, text)  # 64,128 is two numbers
    text = re.sub("[,_ ]", "", text) if grouped else text.replace(",", ".")
    number = _AMOUNT.fullmatch(text)
    if number is None:
        return None
    scale = {"": 1, "k": 1_000, "m": 1_000_000, "%": 1}[number[2].lower()]
    amount = float(number[1]) * scale / (100 if number[2] == "%" else 1)
    return int(amount) if amount.is_integer() else amount


_GROUPED = r"[-+]?[1-9]\d{0,2}(?:[_ ]\d{3})+|[1-9]\d?(?:,\d00)+|[1-9]\d{0,2}(?:,000)+"
_RATIO = re.compile(r"(\d{1,9}(?:\.\d*)?) ?/ ?(\d{1,9}(?:\.\d*)?)")
_AMOUNT = re.compile(r"([-+]?\d+\.?\d*(?:[eE][-+]?\d+)?) ?([kKmM%]?)")


def call_of(text: object) -> tuple[str, list[Any], dict[str, Any]] | None:
    """Return the name, the arguments and the named arguments of a call such as ``uniform(0, 1)``.

    An argument other than a plain value is its text. None means that the text calls no name.
    """

    def value(node: ast.expr) -> Any:
        try:
            return ast.literal_eval(node)
        except ValueError:
            return ast.unparse(node)

    try:
        call = ast.parse(text, mode="eval").body if isinstance(text, str) else None
        if not isinstance(call, ast.Call) or not isinstance(call.func, ast.Name):
            return None
        named = {word.arg: value(word.value) for word in call.keywords if word.arg}
        return call.func.id, [*map(value, call.args)], named
    except (SyntaxError, ValueError, RecursionError, MemoryError):  # of a file of a stranger
        return None


def described(value: object) -> str:
    """Return an object's description for messages: ``the function tanh``, ``the class Dense``."""
    name = getattr(value, "__name__", "") or getattr(value, "name", "")
    if isinstance(value, type):
        return f"the class {name}"
    if name == "<lambda>":
        return "a lambda"
    if callable(value) and (hasattr(value, "__code__") or type(value).__name__ in _FUNCTIONS):
        return f"the function {name}"
    plain = value is None or isinstance(value, (str, int, float, list, tuple, dict))
    return excerpt(safe_repr(value), 60) if plain else f"an object of {type(value).__name__}"


_FUNCTIONS = ("ufunc", "Function", "builtin_function_or_method", "GenericFunction")


def as_plain(value: Any) -> Any:
    """Return a value as a fault quotes it: an object that is not plain data by its description."""
    return value if is_plain(value) else Described(described(value))
