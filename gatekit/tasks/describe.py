"""A task as plain data, from its class and its docstring."""

from __future__ import annotations

import inspect
import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from .streamed import StreamedTask
from .task import Task

PARTS = ("Chance", "Separates", "Time", "Measured", "Published", "Reference")
"""The sections of a task's docstring on what is known of it, in their order."""
_SECTION = re.compile(
    r"^(Args|Chance|Separates|Time|Measured|Published|References?|Raises): ?(.*)$"
)
_OPTION = re.compile(r"^([a-z_]+): (.*)$")


def describe(name: str, kind: type[Task]) -> dict[str, Any]:
    """Return what a task asks, its options, and what is known of it.

    Args:
        name: the task's name.
        kind: its class.

    Returns:
        ``name summary recipe options data metric direction unit chance separates time measured
        published reference``. ``options`` has objects with ``name default text``, ``data`` is
        ``streamed`` or ``fixed``, and parts that the docstring lacks are None.
    """
    found = sections(kind)
    return {
        "name": name,
        "summary": found["Summary"],
        "recipe": found["Recipe"],
        "options": [
            {"name": option, "default": _plain(getattr(kind, option, None)), "text": text}
            for option, text in options(found["Args"])
        ],
        "data": "streamed" if issubclass(kind, StreamedTask) else "fixed",
        "metric": kind.metric.name,
        "direction": kind.metric.direction,
        "unit": kind.metric.unit,
        **{part.lower(): found.get(part) for part in PARTS},
    }


def sections(kind: type[Task]) -> dict[str, str]:
    """Return the parts of a task's docstring: ``Summary``, ``Recipe``, then each by its heading."""
    found: dict[str, list[str]] = {"Text": []}
    current = "Text"
    for line in (inspect.getdoc(kind) or "").splitlines():
        if match := _SECTION.match(line):
            current = match.group(1)
            found[current] = [match.group(2)]
        else:
            found[current].append(line)
    summary, _, recipe = "\n".join(found.pop("Text")).partition("\n\n")
    parts = {name: _joined("\n".join(lines)) for name, lines in found.items() if name != "Args"}
    args = textwrap.dedent("\n".join(found.get("Args", [])[1:])).strip()
    return {"Summary": _joined(summary), "Recipe": recipe.strip(), "Args": args, **parts}


def options(text: str) -> Iterator[tuple[str, str]]:
    """Return the options that the section ``Args`` describes, with their descriptions."""
    found: dict[str, list[str]] = {}
    for line in text.splitlines():
        if match := _OPTION.match(line):
            found[match[1]] = [match[2]]
        elif found:
            found[next(reversed(found))].append(line)
    return ((name, _joined("\n".join(lines))) for name, lines in found.items())


def as_text(described: Mapping[str, Any], width: int) -> str:
    """Return a described task as lines of at most `width` columns, if its words allow it."""

    def wrapped(text: str, indent: str = "") -> str:
        return textwrap.fill(
            text.replace("``", ""),
            width,
            subsequent_indent=indent,
            break_long_words=False,
            break_on_hyphens=False,
        )

    d = described
    parts = [wrapped(f"{d['name']}: {d['summary']}")]
    parts += [wrapped(_joined(part)) for part in d["recipe"].split("\n\n") if part]
    if d["options"]:
        rows = [f"  task.{o['name']} ({o['default']}): {o['text']}" for o in d["options"]]
        parts.append("\n".join(["options", *(wrapped(row, "    ") for row in rows)]))
    facts = {
        "data": "drawn for every step" if d["data"] == "streamed" else "a fixed training set",
        "metric": f"{d['metric']} ({d['direction']}), {d['unit']}",
        **{part.lower(): d[part.lower()] for part in PARTS},
    }
    parts.append("\n".join(wrapped(f"{k}: {fact}", "  ") for k, fact in facts.items() if fact))
    return "\n\n".join(parts)


def _joined(text: str) -> str:
    return " ".join(text.split())


def _plain(value: object) -> object:
    value = list(value) if isinstance(value, tuple) else value
    return "null" if value is None else value
