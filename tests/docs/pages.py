"""The pages that a user reads, cut into their blocks of code."""

from __future__ import annotations

import importlib.util
import re
import shlex
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from types import ModuleType

ROOT = Path(__file__).parents[2]
_BLOCK = re.compile(r"^```(\w*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
_FILE = re.compile(r"(?:# @package _global_\n)?# ((?:[\w-]+/)*[\w-]+\.(?:py|yaml))\n")

RUN_BY_OTHERS = {
    "docs/exchange.md": "tests/convert/test_page.py",
    "docs/extending.md": "tests/docs/test_extending.py",
}
"""Pages whose Python is run by another test."""


@dataclass(frozen=True)
class Block:
    """A block of code: its page, the number of its first line, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    @property
    def file(self) -> str | None:
        """The path in the first comment, if the block is a whole file."""
        match = _FILE.match(self.text)
        return match[1] if match else None

    @property
    def source(self) -> str:
        """The code, with the line numbers of the page for tracebacks."""
        return "\n" * (self.line - 1) + self.text

    def commands(self) -> list[list[str]]:
        """Return the words of each command of a console block; ``&&`` separates commands."""
        found: list[list[str]] = []
        for line in self.text.replace("\\\n", " ").splitlines():
            words: list[str] = []
            for word in [*shlex.split(line, comments=True), "&&"]:
                if word != "&&":
                    words.append(word)
                elif words:
                    found.append(words)
                    words = []
        return found


def pages() -> list[str]:
    """Return the paths of all pages that a person wrote."""
    written = [
        path for path in sorted((ROOT / "docs").rglob("*.md")) if path.parent.name != "reference"
    ]
    return [str(p.relative_to(ROOT)) for p in [ROOT / "README.md", ROOT / "AGENTS.md", *written]]


def blocks(page: str) -> list[Block]:
    """Return the blocks of a page, in their order."""
    text = (ROOT / page).read_text(encoding="utf-8")
    return [
        Block(page, text.count("\n", 0, match.start()) + 2, match[1], match[2])
        for match in _BLOCK.finditer(text)
    ]


@cache
def hook(name: str) -> ModuleType:
    """Return a hook of the site, docs/hooks/NAME.py."""
    path = ROOT / f"docs/hooks/{name}.py"
    spec = importlib.util.spec_from_file_location(f"{name}_hook", path)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module
