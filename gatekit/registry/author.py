"""Finds the line of a plugin that raised."""

from __future__ import annotations

import ast
import contextlib
import os
import traceback
from collections.abc import Iterable
from pathlib import Path

from gatekit.cell.errors import GatekitError, PluginError, excerpt
from gatekit.cell.written import Line, line_at, line_in_class
from gatekit.faults import Place


def author_line(error: BaseException, path: Path | None) -> Line | None:
    """Return the author's line that raised an error, or None.

    Args:
        error: the error.
        path: the plugin's file; None for the last line that is in neither gatekit nor Python.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return Line(error.filename, error.lineno or 1, excerpt((error.text or "").strip()))
    last = _author_frame(error, path)
    if last is None:
        return None
    number = last.lineno or 1
    if isinstance(error, GatekitError) and error.fault is not None:
        number = _attribute_line(last, error.fault.place) or number
    return line_at(last.filename, number)


def _attribute_line(frame: traceback.FrameSummary, place: Place) -> int | None:
    """Return the line of an attribute of the class that a frame defines."""
    if not (frame.line or "").startswith(("class ", "@")):
        return None
    with contextlib.suppress(OSError, SyntaxError, ValueError):
        for node in ast.walk(ast.parse(Path(frame.filename).read_bytes())):
            if isinstance(node, ast.ClassDef) and node.lineno == frame.lineno:
                return line_in_class(node, [place.last])
    return None


def _author_frame(error: BaseException, path: Path | None) -> traceback.FrameSummary | None:
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if (Path(frame.filename) == path if path else _strange(frame.filename))
    ]
    return frames[-1] if frames else None


def plugin_of(error: BaseException, files: Iterable[Path | None]) -> Path | None:
    """Return the plugin's file in which an error was raised last, or None.

    Args:
        error: the error.
        files: the files of all plugins; None for a plugin without a file.
    """
    known = {str(path): path for path in files if path is not None}
    frames = traceback.extract_tb(error.__traceback__)
    return next((known[f.filename] for f in reversed(frames) if f.filename in known), None)


def what_happened(error: BaseException, path: Path | None) -> str:
    """Return an error in one line: type, text, and the author's line.

    Args:
        error: the error.
        path: the plugin's file.
    """
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    text = excerpt(" ".join(str(text).split()), 600 if isinstance(error, GatekitError) else 200)
    summary = f"{type(error).__name__}: {text}".removesuffix(": ")
    place = author_line(error, path)
    return summary + (f" ({place})" if place else "")


def reason_of(error: BaseException | None, path: Path | None) -> str:
    """Return why a plugin is left out: the text of a `PluginError`, otherwise `what_happened`.

    Args:
        error: the error; None if nothing was raised.
        path: the plugin's file.
    """
    if error is None or isinstance(error, PluginError):
        place = author_line(error, path) if error else None
        return f"{error or ''}" + (f" ({place})" if place else "")
    return what_happened(error, path)


def described(error: BaseException, path: Path | None) -> tuple[str, str]:
    """Return reason and traceback of an error in a file, even if the error's own methods fail."""
    try:
        reason = reason_of(error, path)
    except BaseException:
        reason = f"{type(error).__name__}, whose message cannot be shown"
    try:
        return reason, "".join(traceback.format_exception(error))[-20_000:]
    except BaseException:
        return reason, f"Traceback: {type(error).__name__}, which cannot be shown"


def _strange(filename: str) -> bool:
    here = Path(__file__).resolve().parents[1]
    path = Path(filename)
    own = path.is_relative_to(here)
    return not (own or filename.startswith("<") or path.is_relative_to(Path(os.__file__).parent))
