"""The reference cells by name, collected from the modules of this package that have ``CASES``."""

from __future__ import annotations

import importlib
import pkgutil
from pathlib import Path

from .case import Case

# The file of each.
FILES: dict[str, Path] = {}


def _collected() -> dict[str, Case]:
    found: dict[str, Case] = {}
    for module in sorted(m.name for m in pkgutil.iter_modules([str(Path(__file__).parent)])):
        if module.startswith("test_") or module == __name__.rpartition(".")[2]:
            continue
        cases = getattr(importlib.import_module(f".{module}", __package__), "CASES", {})
        twice = found.keys() & cases.keys()
        if twice:
            raise ValueError(f"two modules witness {sorted(twice)}; the second is {module}")
        found |= cases
        FILES.update(dict.fromkeys(cases, Path(__file__).with_name(f"{module}.py")))
    return found


CASES: dict[str, Case] = _collected()
