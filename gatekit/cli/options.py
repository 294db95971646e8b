"""Options that several commands share, and checks of their values."""

from __future__ import annotations

import argparse
import contextlib
import re
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from gatekit.cell.errors import ConfigError, RunError

FIGURE_FORMATS = ("png", "svg", "pdf")


class CommandLine(argparse.ArgumentParser):
    """A parser that stores the typed words and has a method for each shared option.

    Args:
        command: the command's name, ``show`` in ``gatekit show``.
        summary: what the command does, for its help.
        typed: the words after the command's name.
    """

    def __init__(self, command: str, summary: str, typed: Sequence[str]) -> None:
        super().__init__(prog=f"gatekit {command}", description=summary, allow_abbrev=False)
        self.command, self.typed = command, list(typed)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def takes(self, argument: str) -> bool:
        """Return whether the command has an argument or option of this name."""
        return any(action.dest == argument for action in self._actions)

    def line(self, *words: str) -> str:
        """Return the command with other arguments, in backquotes."""
        from gatekit.study.typed import line

        return line(self.prog, words)

    def add_study(self, words: str = "the study's name") -> None:
        """Add the name of a study."""
        self.add_argument("study", help=words)

    def add_run(self) -> None:
        """Add a run."""
        self.add_argument(
            "run", metavar="RUN", help="the first digits of the run's id, STUDY/ID, or its folder"
        )

    def add_root(self) -> None:
        """Add the folder of all studies."""
        self.add_argument(
            "--root",
            default="experiments",
            help="folder that contains the studies (default: experiments)",
        )

    def add_json(self, words: str = "write JSON") -> None:
        """Add the option to write data for other programs."""
        self.add_argument("--json", action="store_true", help=words)

    def add_overrides(
        self,
        words: str = "cell=NAME units=64 features=32 block=NAME width=64 output_unit=NAME "
        "swap.ROLE=GATE cell.gates.GATE.OPTION=VALUE plugins=[FILE.py]",
    ) -> None:
        """Add the words that name and change one cell, or choose how runs are started."""
        self.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=words)

    def add_keys(self, option: str, words: str) -> None:
        """Add an option that takes keys; see `keys`."""
        self.add_argument(option, action="append", default=[], metavar="KEY,KEY", help=words)

    def add_plugins(self) -> None:
        """Add plugin files to load in addition to the discovered plugins."""
        self.add_argument(
            "--plugin",
            action="append",
            default=[],
            metavar="FILE.py",
            help="also load this plugin; may be repeated; plugins=[FILE.py] does the same",
        )

    def add_figure(self) -> None:
        """Add the path of a figure; see `figure_formats`."""
        self.add_argument(
            "--figure",
            type=Path,
            metavar="PATH",
            help="draw a figure: PATH.png, PATH.svg or PATH.pdf; without a suffix, both PNG and "
            "SVG",
        )


def keys(texts: Sequence[str]) -> list[str]:
    """Return the keys in the values of a repeatable option, which are comma-separated lists."""
    return [key for text in texts for key in text.split(",") if key]


def at_least(option: str, value: int | None, least: int, such: int | None = None) -> None:
    """Refuse a number that is too small; None means that the option was not typed.

    Args:
        option: the option, such as ``--lines``.
        value: its value.
        least: the smallest value that is allowed.
        such: an example of a value, for the message.

    Raises:
        ConfigError: the number is smaller.
    """
    if value is not None and value < least:
        example = "" if such is None else f", such as {option} {such}"
        raise ConfigError(f"{option} {value}: type a number of at least {least}{example}.")


def known_studies() -> list[str]:
    """Return the names of the studies in ``experiments``."""
    return studies("", Namespace())


def study_of(cells: Sequence[str], known: Sequence[str]) -> str:
    """Return the first study that trained all of these cells; if none did, the first study."""
    from gatekit.runs.studies.plan_file import read

    for study in known:
        words = {w for run in read(Path("experiments", study)).values() for w in run.words}
        if words >= {f"cell={cell}" for cell in cells}:
            return study
    return known[0]


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


def as_options(message: str, command: str) -> str:
    """Return a message of `gatekit.compare` with options: ``by=cel`` becomes ``--by cel``.

    Args:
        message: the message of an error.
        command: the command that was typed.
    """
    if message.startswith("no study"):
        # The message names `gatekit compare` whichever command loaded the study.
        return message.replace("gatekit compare ", f"gatekit {command} ")
    return _REMOVE.sub(r"emove --\1", _ARGUMENT.sub(r"--\1 ", message))


_REMOVE = re.compile(r"emove (by|within|best-of|x|together)\b")
_ARGUMENT = re.compile(
    r"\A(by|within|together|best-of|x|baseline|split|level|margin|at|where)(?:=| (?=\S+[=:]))"
)
