"""What every test shares: the environment it runs in; slow ones run in CI and with ``--slow``."""

from __future__ import annotations

import os
import time

import processes
import pytest

# Set before any test imports TensorFlow, whose start-up messages would drown a failure.
os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "2")

# What a user's shell may set and gatekit, or a library that it uses, reads.
for _name in [
    *("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR", "CLICOLOR", "CLICOLOR_FORCE"),
    *("TTY_COMPATIBLE", "TTY_INTERACTIVE", "LANGUAGE", "PYTHONIOENCODING", "PYTHONWARNINGS"),
    *("HYDRA_FULL_ERROR", "GATEKIT_TUNE", "GATEKIT_DISABLE_PLUGIN_AUTOLOAD"),
    *(name for name in os.environ if name.startswith("LC_")),
]:
    os.environ.pop(_name, None)
os.environ |= {"LANG": "C.UTF-8", "TZ": "UTC", "TERM": "xterm-256color"}
time.tzset()
processes.heed_signals()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--slow``, which is on where the environment variable CI is set."""
    parser.addoption(
        "--slow",
        action="store_true",
        default=os.environ.get("CI", "").lower() not in ("", "0", "false"),
        help="run the tests marked slow, too",
    )


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Skip slow tests unless they are asked for."""
    if config.getoption("--slow"):
        return
    skip = pytest.mark.skip(reason="slow: runs in CI and with --slow")
    for item in items:
        if item.get_closest_marker("slow"):
            item.add_marker(skip)
