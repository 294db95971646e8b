"""Errors, and helpers for their messages: the value given, what is allowed, and what to type."""

from __future__ import annotations

import difflib
import math
import os
import re
import shlex
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

MAX_MESSAGE = 4_000
MAX_NEAREST = 64
MAX_CANDIDATES = 500


class GatekitError(ValueError):
    """Base of all errors that a user can fix; the command line prints them without a traceback."""

    # Otherwise Keras wraps the message in its own text, terminal codes and all arguments.
    _keras_call_info_injected = True

    def __init__(self, *args: object) -> None:
        # A message quotes its input, and strings in an untrusted file may be long.
        super().__init__(*(_shortened(_punctuated(a)) if isinstance(a, str) else a for a in args))


class ExpressionError(GatekitError):
    """A string is not in the equation language; the message marks the position."""


class CellError(GatekitError):
    """A cell, gate or output unit violates its contract."""


class PluginError(GatekitError):
    """A plugin is broken, missing, or conflicts with another one."""


class ConfigError(GatekitError):
    """A configuration key or value is not allowed."""


NO_EXAMPLE: object = object()
SWITCHES = {
    **dict.fromkeys(("yes", "on", "1", "true"), True),
    **dict.fromkeys(("no", "off", "0", "false"), False),
}
"""The words that people write for true and false."""


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


def amount_of(value: object) -> int | float | None:
    """Return the number that a string means, such as ``1k``, ``50%``, ``0,1`` or ``1,000``.

    It is None for any other string, and for a value that is not a string.
    """
    text = value.strip() if isinstance(value, str) else ""
    grouped = re.fullmatch(r"[-+]?[1-9]\d{0,2}(?:[,_ ]\d{3})+", text)
    text = re.sub("[,_ ]", "", text) if grouped else text.replace(",", ".")
    number = _AMOUNT.fullmatch(text)
    if number is None:
        return None
    scale = {"": 1, "k": 1_000, "m": 1_000_000, "%": 0.01}[number[2].lower()]
    amount = float(number[1]) * scale
    return int(amount) if amount.is_integer() else amount


_AMOUNT = re.compile(r"([-+]?\d+\.?\d*(?:[eE][-+]?\d+)?) ?([kKmM%]?)")


def safe_repr(value: Any) -> str:
    """Return ``repr(value)``, or the number of digits of an integer that Python cannot print."""
    try:
        return repr(value)
    except ValueError:
        return f"a number of {int(math.log10(abs(value))) + 1:,} digits"


class OptionError(ConfigError):
    """A value of an option is not allowed.

    Args:
        owner: the class of the gate, task or block.
        option: the option's name.
        value: the value given.
        expected: what is allowed, in words.
        example: a value that is allowed; `NO_EXAMPLE` if there is none to show.
        remedy: a sentence, with a space before it, that replaces the example.
    """

    def __init__(
        self,
        owner: str,
        option: str,
        value: object,
        expected: str,
        example: object,
        remedy: str = "",
    ) -> None:
        amount = amount_of(value)
        if amount is not None and type(amount) is type(example):
            example = amount
        self.option, self.value, self.example = option, value, example
        self._expected, self._remedy = expected, remedy
        such = "" if example is NO_EXAMPLE or remedy else f" Write {option}={example!r}."
        came = excerpt(safe_repr(value))
        super().__init__(f"{owner}: option {option}={came} should be {expected}.{remedy or such}")

    def as_key(self, prefix: str) -> str:
        """Return the message for a value that was given as a key of the configuration.

        Args:
            prefix: the group with its dot, such as ``block.``.
        """
        name, example = prefix + self.option, self.example
        typed = f"{name}={as_typed(example)}"
        such = "" if example is NO_EXAMPLE or self._remedy else f" Type {shlex.quote(typed)}."
        came = as_typed(self.value, quoted=True)
        return f"{name}={excerpt(came)} should be {self._expected}.{self._remedy or such}"


class DataError(GatekitError):
    """A data set is missing, damaged, or does not have the expected form."""


class RunError(GatekitError):
    """A run folder cannot be used as requested."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Return ``"; did you mean 'units'?"`` for the nearest known name, or an empty string."""
    near = nearest_name(name, known)
    return f"; did you mean {near!r}?" if near else ""


def nearest_name(name: str, known: Iterable[str]) -> str:
    """Return the nearest known name, or an empty string if none is near."""
    if len(name) > MAX_NEAREST:
        return ""
    known = [*known]
    other = name.lower().replace("-", "_")
    group, dot, last = other.rpartition(".")
    for found in known:
        inner = str(found).removeprefix(group + dot)
        if last in OTHER_NAMES.get(inner, "").split() and str(found).startswith(group + dot):
            return str(found)
    start, _, rest = other.partition("_")
    if start in ("prev", "last", "previous") and f"{rest}_prev" in map(str, known):
        return f"{rest}_prev"
    # The time of a comparison is quadratic in the length.
    near = [text for k in known if len(text := str(k)) <= MAX_NEAREST]
    # difflib does not find names that differ only in case: LSTM and lstm share no letter.
    # The dashes in front of an option are not part of its name.
    same = [text for text in near if text.lower() == name.lower()]
    bare = {text.lstrip("-"): text for text in reversed(near[:MAX_CANDIDATES])}
    starts = [text for text in near if len(name) >= 5 and text.startswith(name)]
    # Long names share many letters by chance, and one typing error is a small part of them.
    cutoff = 0.6 if len(name) < 8 else 0.65
    match = (
        same
        or (starts if len(starts) == 1 else [])
        or [
            bare[found]
            for found in difflib.get_close_matches(name.lstrip("-"), bare, n=1, cutoff=cutoff)
        ]
    )
    match = match or [text for b, text in bare.items() if len(name) > 2 and f"{name}_" in b][:1]
    match = match or _of_one_word(name, bare)
    return match[0] if match else ""


OTHER_NAMES = {
    "abs": "absolute fabs",
    "accuracy": "acc auc f1 f1_score precision recall top1",
    "auto": "cuda default fast gpu",
    "bits": "bce binary_crossentropy",
    "categorical": "cross_entropy crossentropy sparse_categorical_crossentropy",
    "constant": "const value",
    "dense": "fc full linear matmul matrix",
    "diagonal": "diag elementwise peephole",
    "glorot_normal": "he_normal kaiming_normal xavier_normal",
    "glorot_uniform": "glorot he kaiming xavier xavier_uniform",
    "identity": "eye linear",
    "keras": "tensorflow tf",
    "jax": "flax",
    "learning_rate": "lr step_size",
    "log": "ln logarithm",
    "max": "ascending higher maximize",
    "maximum": "max",
    "min": "descending lower minimize",
    "minimum": "min",
    "mse": "loss mae rmse",
    "nll": "log_likelihood perplexity ppl",
    "seconds": "time wall_time",
    "sigmoid": "logistic sig sigm",
    "silu": "swish",
    "square": "pow power",
    "steps": "iteration iterations",
    "units": "dim hidden hidden_dim hidden_size n_units num_units size unit vector",
    "features": "in_features input_dim input_size",
    "validation": "dev val valid",
    "zeros": "zero",
}
"""For each name, the words of other libraries; only a name that is known is suggested."""


def _of_one_word(name: str, known: Mapping[str, str]) -> list[str]:
    """Return the known names with a word that begins alike: ``copying`` for ``copy_memory``."""

    def words(text: str) -> set[str]:
        return {word[:4] for word in re.split(r"[\W_]+", text.lower()) if len(word) >= 4}

    ours = words(name)
    shared = {text: len(ours & words(bare)) for bare, text in known.items()} if ours else {}
    return sorted((t for t, count in shared.items() if count), key=lambda t: (-shared[t], len(t)))


def alternatives(
    name: str, known: Iterable[str], what: str, command: str = "", most: int = 16
) -> str:
    """Return the end of a sentence about an unknown name: the nearest name, and the known names.

    ``"; did you mean 'adam'? Optimizers: adam, rmsprop, sgd."`` A long list is cut to the nearest
    names: ``"; did you mean 'gru'? Similar: gru1, mgru. `gatekit cells` lists all 139 cells."``

    Args:
        name: the unknown name.
        known: the known names.
        what: the kind of the names in the plural, such as ``cells``.
        command: the command that lists all of them.
        most: the number of names up to which all are listed.
    """
    names = sorted({str(k) for k in known})
    start = nearest(name, names) or "."
    if len(names) <= most:
        return f"{start} {what[:1].upper()}{what[1:]}: {listed(names)}."
    short = [k for k in names if len(k) <= MAX_NEAREST][:MAX_CANDIDATES]
    near = difflib.get_close_matches(name[:MAX_NEAREST], short, n=5, cutoff=0.55)[1:]
    near += [
        k
        for k in short
        if len(name) > 2 and name in k and k not in (*near, nearest_name(name, names))
    ]
    beside = f" Similar: {', '.join(near[:6])}." if near and start != "." else ""
    where = f"`{command}` lists all {len(names)} {what}." if command else ""
    return f"{start}{beside} {where or f'There are {len(names)} {what}.'}"


def listed(names: Iterable[str], most: int = 24) -> str:
    """Return the names sorted and comma separated, at most ``most`` of them."""
    ordered = sorted(str(name) for name in names)
    if not ordered:
        return "(none)"
    more = f", and {len(ordered) - most} more" if len(ordered) > most else ""
    return ", ".join(ordered[:most]) + more


def shown(path: Path | str) -> str:
    """Return a path as a string, relative to the working folder if the path is inside it."""
    relative = os.path.relpath(path)
    return str(path) if relative.startswith("..") else relative


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


def excerpt(text: str, most: int = 60) -> str:
    """Return the beginning of a quoted string, at most ``most`` characters."""
    return text if len(text) <= most else f"{text[: most - 3]}..."


def quoted(value: object) -> str:
    """Return a value as a message quotes it, whatever file it is from: at most 60 characters."""
    return excerpt(safe_repr(value))


def refuse_non_finite(value: object, where: str) -> None:
    """Refuse NaN and infinities anywhere in plain data.

    Args:
        value: plain data.
        where: the key of the value, for the message.

    Raises:
        ConfigError: a number is not finite.
    """
    if isinstance(value, Mapping):
        for key, inner in value.items():
            refuse_non_finite(inner, f"{where}.{key}" if where else str(key))
    elif isinstance(value, (list, tuple)):
        for index, inner in enumerate(value):
            refuse_non_finite(inner, f"{where}.{index}")
    elif isinstance(value, float) and not math.isfinite(value):
        raise ConfigError(f"{where}={value}: write a finite number, such as 0.5 or 1e-3.")


def one_line(error: Exception) -> str:
    """Return an error's message without its line breaks."""
    return " ".join(str(error).split())


def _punctuated(message: str) -> str:
    """Return a message that begins a new sentence after the question of `nearest`."""
    message = re.sub(r"(did you mean '[^']*'\?)\.", r"\1", message)
    head, question, rest = message.partition("'?; ")
    if not question or "did you mean '" not in head:
        return message
    return f"{head}'? {rest[:1].upper()}{rest[1:]}"


def _shortened(message: str) -> str:
    if len(message) <= MAX_MESSAGE:
        return message
    return f"{message[: MAX_MESSAGE - 1_000]} ... {message[-900:]}"
