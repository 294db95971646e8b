"""A working folder of one's own, and a place of one's own for results of checks."""

from collections.abc import Callable
from pathlib import Path

import pytest


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.delenv("GATEKIT_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    return tmp_path


@pytest.fixture
def write(place: Path) -> Callable[[str, str], Path]:
    """Write a file below the working folder and return its path."""

    def write(name: str, text: str) -> Path:
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write
