"""Rewrites remedies for the command line as calls and arguments of Python."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Iterator, Mapping
from typing import Any

from gatekit.cell.errors import GatekitError
from gatekit.faults import Call

_FUNCTIONS = ("train", "plan", "compare", "report", "show", "extend", "code", "diagram")
_OF_STUDIES = ("compare", "report", "extend")
_LISTS = ("by", "within", "together", "where", "best_of", "labels", "tasks", "plugins", "launch")
# After an option, a word that cannot be prose is its value: NAME, 5%, 'a b', KEY=a,b, task.length.
_VALUE = r"'[^']*'|[A-Z]+(?![A-Za-z=])|[\w%-]*[=.,%\d](?:[\w=.,%-]*[\w%])?(?<![.,])"
_OPTION = rf"(?<![\w-])--[a-z][a-z-]*(?:[ =](?:{_VALUE}))?"
_PAIR = r"'?[A-Za-z_][\w.]*=(?![='\"])(?:\{[^}]*\}|[^\s'`;]*[^\s'`;.,])'?"
_QUOTED = re.compile(rf"`gatekit ({'|'.join(_FUNCTIONS)})\b([^`]*)`")
_COMMAND = re.compile(
    rf"\bgatekit (?:({'|'.join(_OF_STUDIES)})((?: [\w./-]*\w)?(?: {_OPTION})*)"
    rf"|({'|'.join(_FUNCTIONS)})((?: (?:-m|{_PAIR}|{_OPTION}))*))(?![\w-])"
)
_KEYS = re.compile(rf"(\b[Tt]ype (?:for example )?)(?:-m )?({_PAIR}(?: {_PAIR})*)")


_OTHER_COMMAND = r"\bgatekit [a-z-]+(?: [\w./=-]+)*"


def in_python(message: str, given: Mapping[str, Any] | None = None) -> str:
    """Return a message whose remedies are calls and arguments instead of commands and options.

    ``type gatekit compare NAME --by KEY`` becomes ``type gatekit.compare('NAME', by=['KEY'])``, and
    ``Type -m seed=0,1`` becomes ``Type seed=[0, 1]``. Commands that have no function stay.

    Args:
        message: the message, in the words of the command line.
        given: the arguments by name; a remedy for one of them has its value.
    """
    inner = {
        f"{name}.{key}": value
        for name, values in (given or {}).items()
        if isinstance(values, Mapping)
        for key, value in values.items()
    }
    for name, value in {**(given or {}), **inner}.items():
        if isinstance(value, str) and message.startswith(f"{name}={value}"):
            message = f"{name}={value!r}{message[len(name) + 1 + len(value) :]}"
    message = _QUOTED.sub(lambda m: f"`{_call(m[1], m[2])}`", message)
    message = _COMMAND.sub(lambda m: _call(m[1] or m[3], m[2] or m[4] or ""), message)
    message = _KEYS.sub(lambda m: m[1] + _arguments(re.findall(_PAIR, m[2])), message)
    return re.sub(
        f"{_OTHER_COMMAND}|{_OPTION}",
        lambda m: m[0] if m[0].startswith("gatekit ") else _argument(m[0]),
        message,
    )


@contextlib.contextmanager
def python_words() -> Iterator[None]:
    """Rewrite the remedies of errors in the block as Python, like `remedied`."""
    try:
        yield
    except GatekitError as error:
        if error.fault is not None:
            raise error.spoken(Call()) from error.__cause__
        error.args = tuple(in_python(a) if isinstance(a, str) else a for a in error.args)
        raise


def _nested(key: str, value: str) -> str:
    """Return ``KEY.INNER`` with a value in Python as an argument, ``KEY={'INNER': VALUE}``."""
    first, *inner = key.split(".")
    for name in reversed(inner):
        value = f"{{{name!r}: {value}}}"
    return f"{first}={value}"


def _call(name: str, typed: str) -> str:
    """Return a command as the call of the function of the same name."""
    words = shlex.split(typed)
    if "--help" in words:
        return f"help(gatekit.{name})"
    if name in ("train", "plan") and words:
        return f"gatekit.{name}({shlex.join(w for w in words if w != '-m')!r})"
    arguments: list[str] = []
    while words:
        word = words.pop(0)
        if word.startswith("--") and "=" not in word and words and words[0][:1] != "-":
            word += f"={words.pop(0)}"
        if word.startswith("--") and "=" not in word:
            word += "=true"
        if word != "--until-decided=true":
            arguments.append(_argument(word) if "=" in word or word == "..." else repr(word))
    return f"gatekit.{name}({', '.join(arguments)})"


def _arguments(words: list[str]) -> str:
    """Return ``KEY=VALUE`` words as arguments of a call, or as one string if a key is repeated."""
    keys = [re.split(r"[.=]", word.strip("'"))[0] for word in words]
    if len({*keys}) < len(keys):
        return f"{' '.join(words)!r}, as one string"
    return ", ".join(map(_argument, words))


def _argument(word: str) -> str:
    """Return an option with its value, or ``KEY=VALUE``, as an argument of a call."""
    key, given, text = re.split("([ =])", f"{word.strip(chr(39))} ", maxsplit=1)
    text = text.strip(" '")
    if word.startswith("--"):
        name = key[2:].replace("-", "_")
        name += "s" if name in ("label", "task", "plugin") else ""
        if name == "until_decided":  # `extend` does this unless `seeds` is given
            return "extend"
        value = [text] if name in _LISTS else text if text == "N" else repr(_plain(text))
        return f"{name}={value}" if text else name
    return _nested(key, repr(_plain(text))) if given == "=" else word


def _plain(text: str) -> Any:
    """Return a value that was typed on the command line as plain data."""
    if text.startswith("[") or ("," in text and text[0] not in "{('\""):
        return [_plain(part.strip()) for part in text.strip("[]").split(",")]
    try:
        return json.loads(text)
    except ValueError:
        return None if text == "null" else text
