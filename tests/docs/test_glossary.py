"""The glossary: each term once, and everything that it refers to exists."""

from __future__ import annotations

import importlib
import importlib.util
import re

from gatekit.cell.schema import CELL_KEYS
from gatekit.cli.commands import COMMANDS
from gatekit.study.keys import LAUNCH_KEYS, RUN_KEYS

from .pages import ROOT

PAGE = (ROOT / "docs/glossary.md").read_text(encoding="utf-8")
ROWS = re.findall(r"^\| \*\*([\w -]+)\*\* \| (.+) \| (.+) \|$", PAGE, re.MULTILINE)


def exists(name: str) -> bool:
    """Return whether a dotted name is a module or an attribute of one."""
    parent, _, last = name.rpartition(".")
    try:
        if importlib.util.find_spec(name):
            return True
    except ModuleNotFoundError:
        return False
    return hasattr(importlib.import_module(parent), last)


def test_each_term_is_defined_once() -> None:
    terms = [term for term, _, _ in ROWS]
    assert len(terms) == len(set(terms)) > 40
    assert len(ROWS) == len(re.findall(r"^\| \*\*", PAGE, re.MULTILINE))


def test_a_meaning_is_a_sentence() -> None:
    assert [meaning for _, meaning, _ in ROWS if not re.match(r"[A-Z0-9].*\.$", meaning)] == []


def test_what_is_named_exists() -> None:
    places = " ".join(place for _, _, place in ROWS)
    names = re.findall(r"`(gatekit(?:\.\w+)+)`", places)
    paths = re.findall(r"`((?:gatekit|conf)/[\w/.]+)`", places)
    commands = re.findall(r"`gatekit ([\w-]+)", places)
    keys = re.findall(r"key `(\w+)`", places)
    assert names
    assert paths
    assert commands
    assert keys
    assert [name for name in names if not exists(name)] == []
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert set(commands) <= set(COMMANDS)
    assert set(keys) <= {*CELL_KEYS, *RUN_KEYS, *LAUNCH_KEYS}
