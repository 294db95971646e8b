"""Reads the functions of `runtime`, which generated files contain."""

from __future__ import annotations

import ast
import functools
import re
from collections.abc import Mapping
from importlib import resources

_ANNOTATED = re.compile(r"(: | -> )(?:tuple\[np\.ndarray, np\.ndarray\]|np\.ndarray(?: \| None)?)")


@functools.cache
def sources(name: str) -> Mapping[str, str]:
    """Return the source of each function of a module of `runtime`, by name.

    Args:
        name: ``arrays``, ``numpy``, ``jax``, ``keras`` or ``torch``; or ``jnp`` or ``ops``, for the
            functions of ``arrays`` with this module in place of ``np``.
    """
    module = name if name not in ("jnp", "ops") else "arrays"
    text = (
        resources.files(f"{__package__}.runtime")
        .joinpath(f"{module}.py")
        .read_text(encoding="utf-8")
    )
    functions = [node for node in ast.parse(text).body if isinstance(node, ast.FunctionDef)]
    found = {node.name: ast.get_source_segment(text, node) or "" for node in functions}
    if name == "ops":  # Keras has no types
        found = {
            function: re.sub(r"\(\n    (.*)\n\):", r"(\1):", _ANNOTATED.sub("", source), count=1)
            for function, source in found.items()
        }
    if module != name:
        array = {"jnp": "jax.Array"}.get(name, "")
        found = {
            function: re.sub(r"\bnp\.", f"{name}.", re.sub(r"\bnp\.ndarray\b", array, source))
            for function, source in found.items()
        }
    return found
