"""Checks of values that several commands take."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from pathlib import Path

from gatekit.cell.errors import ConfigError, RunError

FIGURE_FORMATS = ("png", "svg", "pdf")


def known_studies() -> list[str]:
    """Return the names of the studies in ``experiments``."""
    return studies("", Namespace())


def studies(prefix: str, parsed_args: Namespace, **_: object) -> list[str]:
    """Return the names of the studies in ``--root``, for completion; none if unreadable."""
    from gatekit.compare.study import studies as names

    with contextlib.suppress(OSError, RunError):
        return names(getattr(parsed_args, "root", None) or "experiments")
    return []


def check_ending(option: str, path: Path | None, *endings: str) -> None:
    """Refuse an output path that is a folder or has the wrong suffix for its content.

    Args:
        option: the option, for the message.
        path: its value.
        endings: the allowed suffixes, such as ``.html``.

    Raises:
        ConfigError: the path is a folder or has another suffix.
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


def figure_formats(path: Path | None) -> tuple[Path, tuple[str, ...]] | None:
    """Return a figure's path without its suffix, and its formats; None for None.

    Raises:
        ConfigError: figures cannot be written in this format.
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


def refuse_no_study(options: Namespace, command: str) -> None:
    """Refuse a study that does not exist, in the name of the command that was typed.

    Raises:
        RunError: there is no such study.
    """
    from gatekit.runs.studies.survey import no_study

    if not Path(options.root, options.study).is_dir():
        raise no_study(options.study, options.root, command)
