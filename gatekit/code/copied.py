"""Reads the functions of `runtime`, and cuts what a file does not need out of them.

A general function decides by its arguments: ``if decay is not None``. Where a file passes the same
each time, the argument goes, and the branch that is not taken. Lines are cut, never printed anew,
so the text stays as it is formatted.
"""

from __future__ import annotations

import ast
import functools
import itertools
import re
import textwrap
from collections.abc import Iterator, Mapping
from importlib import resources
from types import EllipsisType

Known = Mapping[str, bool | EllipsisType | None]
# From where a text is replaced, up to where (lines from 1, columns from 0), and by what.
Change = tuple[tuple[int, int], tuple[int, int], str]

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


def copied(source: str, known: Known) -> str:
    """Return a function without the arguments that are known, and the branches that they decide.

    ``if NAME``, ``if NAME is None``, ``if NAME is not None`` and conditional expressions of these
    are decided. Known arguments are not passed on by the function's calls either.

    Args:
        source: the source of a function; each known argument has a line of its own.
        known: the values of arguments: true, false, None; or ``...`` if the argument is passed and
            is not None: it stays.
    """
    while change := next(_changes(source, known), None):
        (line, column), (end, end_column), text = change
        rows = source.split("\n")
        head, tail = rows[line - 1][:column], rows[end - 1][end_column:]
        rows[line - 1 : end] = [r for r in (head + text + tail).split("\n") if r.strip()]
        source = "\n".join(rows)
    return source


def _changes(source: str, known: Known) -> Iterator[Change]:
    """Yield what is decided, outermost first."""
    rows = source.split("\n")
    gone = {name for name, value in known.items() if value is not ...}
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.arg) and node.arg in known:
            row = rows[node.lineno - 1]
            if node.arg in gone:
                yield (node.lineno, 0), (node.lineno, len(row)), ""
            elif row.endswith(" | None,"):
                yield (
                    (node.lineno, len(row) - len(" | None,")),
                    (node.lineno, len(row)),
                    ",",
                )
        elif isinstance(node, ast.Call):
            passed: list[ast.expr | ast.keyword] = [*node.args, *node.keywords]
            for before, after in itertools.pairwise(passed):
                name = after.arg if isinstance(after, ast.keyword) else ast.unparse(after)
                if name in gone:
                    yield _end(before), _end(after), ""
        elif isinstance(node, (ast.If, ast.IfExp)):
            truth = _truth(node.test, known)
            if truth is not None:
                yield _taken(node, truth, source)


def _taken(node: ast.If | ast.IfExp, truth: bool, source: str) -> Change:
    """Return the change that leaves the branch that is taken."""
    place = (node.lineno, node.col_offset)
    if isinstance(node, ast.IfExp):
        branch = node.body if truth else node.orelse
        return place, _end(node), ast.get_source_segment(source, branch) or ""
    lines = node.body if truth else node.orelse
    rows = source.split("\n")[lines[0].lineno - 1 : _end(lines[-1])[0]] if lines else []
    body = textwrap.dedent("\n".join(rows)).split("\n")
    return place, _end(node), ("\n" + " " * node.col_offset).join(body)


def _end(node: ast.expr | ast.stmt | ast.keyword) -> tuple[int, int]:
    assert node.end_lineno is not None
    assert node.end_col_offset is not None
    return node.end_lineno, node.end_col_offset


def _truth(test: ast.expr, known: Known) -> bool | None:
    """Return whether a condition holds, or None if it is not known."""
    if isinstance(test, ast.Name) and test.id in known:
        value = known[test.id]
        return None if value is ... else bool(value)
    if isinstance(test, ast.Compare) and isinstance(test.left, ast.Name) and test.left.id in known:
        absent = known[test.left.id] is None
        return absent if isinstance(test.ops[0], ast.Is) else not absent
    return None
