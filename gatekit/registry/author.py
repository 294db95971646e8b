"""Where in a plugin its author's mistake is, and what to type against it."""

from __future__ import annotations

import os
import re
import sys
import traceback
from pathlib import Path

from gatekit.cell.errors import PluginError, excerpt, nearest

_NO_NAME = re.compile(r"cannot import name '(?P<name>\w+)' from 'gatekit'")


def shown(path: Path | str) -> str:
    """Return a path, relative to the working folder where that is shorter."""
    return min(str(path), os.path.relpath(path), key=len)


def author_line(error: BaseException, path: Path | None) -> str:
    """Return file, line and text of the author's own line that raised, or an empty text.

    Args:
        error: what was raised.
        path: the plugin's file; None for the last line that is neither gatekit's nor Python's.
    """
    if isinstance(error, SyntaxError) and error.filename:
        text = excerpt((error.text or "").strip())
        return f"{shown(error.filename)}, line {error.lineno}" + (f": {text}" if text else "")
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if (Path(frame.filename) == path if path else _strange(frame.filename))
    ]
    if not frames:
        return ""
    last = frames[-1]
    return f"{shown(last.filename)}, line {last.lineno}: {excerpt((last.line or '').strip())}"


def what_happened(error: BaseException, path: Path | None) -> str:
    """Return an error in one line: type, text, the author's line, and what to type.

    Args:
        error: what was raised.
        path: the plugin's file.
    """
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    said = f"{type(error).__name__}: {excerpt(' '.join(str(text).split()), 200)}".removesuffix(": ")
    place = author_line(error, path)
    return said + (f" ({place})" if place else "") + remedy(error, path)


def reason_of(error: BaseException | None, path: Path | None) -> str:
    """Return why a plugin is left out: our own words as they are, else `what_happened`.

    Args:
        error: what was raised, if anything was.
        path: the plugin's file.
    """
    if error is None or isinstance(error, PluginError):
        return str(error or "")
    return what_happened(error, path)


def remedy(error: BaseException, path: Path | None) -> str:
    """Return what to do about an error, as the end of a sentence, or an empty text.

    Args:
        error: what was raised.
        path: the plugin's file.
    """
    if isinstance(error, ModuleNotFoundError) and error.name:
        package = error.name.split(".")[0]
        if path is not None and (path.parent / f"{package}.py").is_file():
            return (
                f"; {package}.py lies beside it, and a plugin imports installed packages only: "
                "put both into one file, or type `gatekit new gate NAME --package`"
            )
        return f"; type `pip install {package}`, or take the import out"
    match = _NO_NAME.search(str(error)) if isinstance(error, ImportError) else None
    if match:
        offered = getattr(sys.modules.get("gatekit"), "__all__", ())
        return f"; gatekit offers no {match['name']!r}{nearest(match['name'], offered)}"
    if isinstance(error, SystemExit):
        return "; a plugin must not end the process: take sys.exit() out"
    return ""


def _strange(filename: str) -> bool:
    here = Path(__file__).resolve().parents[1]
    path = Path(filename)
    own = path.is_relative_to(here)
    return not (own or filename.startswith("<") or path.is_relative_to(Path(os.__file__).parent))
