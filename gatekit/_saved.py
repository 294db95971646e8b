"""Keras finds gatekit's layers in a saved model after `import gatekit` alone.

The layers load TensorFlow, so `gatekit` imports them when they are first used; Keras, however,
loads a model only if each of its classes is registered by then. So names are registered as soon as
both `gatekit` and `keras` are imported, in whatever order, and a layer is imported when a model
needs it.
"""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Sequence
from importlib.abc import MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any

SAVED = ("RNN", "Cell", "BlockLayer")


class Later:
    """A placeholder that Keras has for a layer until the layer itself is imported.

    Args:
        name: the layer's name in `gatekit`.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def from_config(self, config: dict[str, Any]) -> Any:
        """Import the layer, and build it from its configuration."""
        return getattr(importlib.import_module("gatekit"), self.name).from_config(config)


def register() -> None:
    """Register a placeholder for each layer that is not imported yet; Keras must be imported."""
    known = sys.modules["keras"].saving.get_custom_objects()
    for name in SAVED:
        known.setdefault(f"gatekit>{name}", Later(name))


class _Finder(MetaPathFinder):
    """Finds `keras` as Python does, and registers the layers after `keras` is imported."""

    searching = False

    def find_spec(
        self, fullname: str, path: Sequence[str] | None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return the spec of `keras`; None for every other module."""
        if fullname != "keras" or self.searching:
            return None
        self.searching = True
        try:
            spec = importlib.util.find_spec(fullname)
        finally:
            self.searching = False
        if spec is None or spec.loader is None:
            return None
        execute = spec.loader.exec_module

        def execute_and_register(module: ModuleType) -> None:
            execute(module)
            register()

        spec.loader.exec_module = execute_and_register  # type: ignore[method-assign]
        return spec


def register_with_keras() -> None:
    """Register the layers with Keras, now or when it is imported."""
    if "keras" in sys.modules:
        register()
    else:
        sys.meta_path.insert(0, _Finder())
