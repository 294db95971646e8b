"""Fills a template, and puts code into a file with its docstring, imports and helper functions."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined

from gatekit.code.identifiers import WIDTH, docstring

_FOR_FIRST_VALUES = {
    "import numpy as np": r"\bnp\.",
    "from scipy.signal import cont2discrete": r"\bcont2discrete\(",
}
_STANDARD = (
    "import math",
    "from collections.abc import Callable",
    "from collections.abc import Iterator",
    "from dataclasses import dataclass",
    "from pathlib import Path",
)


@cache
def _environment() -> Environment:
    return Environment(
        loader=FileSystemLoader(Path(__file__).parents[1] / "templates"),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        autoescape=False,  # the files are code, and strings in it are made harmless
    )


def filled(template: str, macro: str, *given: Any) -> str:
    """Return the code of a macro of a template, filled in."""
    module = _environment().get_template(f"{template}.py.j2").module
    return str(getattr(module, macro)(*given))


def laid_out(text: str) -> str:
    """Return a file as black lays it out; without black, as it is."""
    try:
        from black import format_str
        from black.mode import Mode, TargetVersion
    except ImportError:
        return text
    versions = {TargetVersion.PY311}
    return format_str(text, mode=Mode(versions, line_length=WIDTH, magic_trailing_comma=False))


def file_text(
    about: list[str],
    helpers: Mapping[str, str],
    imports: Mapping[str, str],
    constants: Sequence[str],
    body: str,
) -> str:
    """Return a whole file.

    Args:
        about: the docstring, as paragraphs.
        helpers: helper functions: source by name; those that nothing calls are left out.
        imports: the import lines, each with a pattern of the code that needs it.
        constants: the lines before the helper functions.
        body: the code after the helper functions.
    """
    functions = needed_helpers(helpers, body)
    code = "\n\n\n".join(["\n".join(constants), *functions, body.strip("\n")])
    imports = {**imports, **_FOR_FIRST_VALUES}
    needed = sorted(
        (line for line, pattern in imports.items() if re.search(pattern, code)),
        key=lambda line: (
            line.startswith("from"),
            line.replace("import ", "").replace("from ", ""),
        ),
    )
    standard = [line for line in needed if line in _STANDARD]
    others = [line for line in needed if line not in standard]
    gap = [""] if standard else []
    return laid_out("\n".join([*docstring(about), "", *standard, *gap, *others, "", code]) + "\n")


def needed_helpers(helpers: Mapping[str, str], body: str) -> Iterable[str]:
    """Return the sources of helper functions that the code or another helper calls."""
    sources = dict(helpers)
    while True:
        whole = "\n".join([body, *sources.values()])
        # Besides its definition, it is called, or passed on as the first argument of a call.
        uses = {name: len(re.findall(rf"\b{name}\(|\(\s*{name},", whole)) for name in sources}
        unused = [name for name in sources if uses[name] < 2]
        if not unused:
            return sources.values()
        for name in unused:
            del sources[name]
