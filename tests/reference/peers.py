"""Other libraries that cells are held against: the extra ``peers``, which CI installs."""

from __future__ import annotations

import importlib
import os
from typing import Any

import pytest


def library(module: str) -> Any:
    """Return a module of another library; without it the test is skipped, and fails in CI.

    Args:
        module: its full name.
    """
    if os.environ.get("CI", "").lower() in ("", "0", "false"):
        return pytest.importorskip(module, reason="needs the extra peers: pip install -e .[peers]")
    return importlib.import_module(module)
