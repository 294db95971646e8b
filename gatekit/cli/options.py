"""Options that several commands share."""

from __future__ import annotations

import re
from collections.abc import Sequence
from pathlib import Path

from gatekit.cell.errors import ConfigError

from .arguments import Parser

FIGURE_FORMATS = ("png", "svg", "pdf")


def add_root(parser: Parser) -> None:
    """Add the folder of all studies."""
    parser.add_argument(
        "--root",
        default="experiments",
        help="folder that contains the studies (default: experiments)",
    )


def add_overrides(parser: Parser) -> None:
    """Add the words that name and change one cell."""
    parser.add_argument(
        "overrides",
        nargs="*",
        metavar="KEY=VALUE",
        help="cell=NAME units=64 features=32 block=NAME width=64 output_unit=NAME "
        "swap.ROLE=GATE cell.gates.GATE.OPTION=VALUE plugins=[FILE.py]",
    )


def add_keys(parser: Parser, option: str, words: str) -> None:
    """Add an option that takes keys; see `keys`."""
    parser.add_argument(option, action="append", default=[], metavar="KEY,KEY", help=words)


def keys(texts: Sequence[str]) -> list[str]:
    """Return the keys of repeatable options whose values are comma-separated lists."""
    return [key for text in texts for key in text.split(",") if key]


def add_plugins(parser: Parser) -> None:
    """Add plugin files to load in addition to the discovered plugins, in either spelling."""
    parser.add_argument(
        "--plugin",
        action="append",
        default=[],
        metavar="FILE.py",
        help="also load this plugin; may be repeated; plugins=[FILE.py] does the same",
    )


def check_ending(option: str, path: Path | None, *endings: str) -> None:
    """Refuse a file to write that is a folder or has another ending than its content needs.

    Args:
        option: the option, for the message.
        path: its value.
        endings: what is allowed, such as ``.html``.

    Raises:
        ConfigError: the path is a folder or ends otherwise.
    """
    if path is None or (path.suffix.lower() in endings and not path.is_dir()):
        return
    better = path / f"gatekit{endings[0]}" if path.is_dir() else path.with_suffix(endings[0])
    what = (
        "this is a folder, not a regular file"
        if path.is_dir()
        else f"the file is {endings[0][1:].upper()}"
    )
    raise ConfigError(f"{option} {path}: {what}; type {option} {better}")


def add_figure(parser: Parser) -> None:
    """Add the path of a figure; see `figure_formats`."""
    parser.add_argument(
        "--figure",
        type=Path,
        metavar="PATH",
        help="draw a figure: PATH.png, PATH.svg or PATH.pdf; without a suffix, both PNG and SVG",
    )


def figure_formats(path: Path | None) -> tuple[Path, tuple[str, ...]] | None:
    """Return a figure's path without its suffix, and its formats; None for None.

    Raises:
        ConfigError: figures have no such format.
    """
    if path is None:
        return None
    ending = path.suffix.lstrip(".").lower()
    if not ending:
        return path, ("png", "svg")
    if ending not in FIGURE_FORMATS:
        raise ConfigError(
            f"--figure {path}: the formats of figures are {', '.join(FIGURE_FORMATS)}; "
            f"type --figure {path.with_suffix('.svg')}"
        )
    return path.with_suffix(""), (ending,)


def as_options(message: str, command: str) -> str:
    """Return a message of `gatekit.compare` as a command words it: ``by=cel`` is ``--by cel``.

    Args:
        message: the message of an error.
        command: the command that was typed.
    """
    if message.startswith("no study"):
        # The study was loaded for a comparison, whatever the command does with it.
        typed = "--study " if command == "query" else f"gatekit {command} "
        return message.replace("gatekit compare ", typed)
    return _REMOVE.sub(r"emove --\1", _ARGUMENT.sub(r"--\1 ", message))


_REMOVE = re.compile(r"emove (by|within|best-of|x|together)\b")
_ARGUMENT = re.compile(
    r"\A(by|within|together|best-of|x|baseline|split|level|margin|at|where)(?:=| (?=\S+[=:]))"
)
