"""The parser that every command receives, and checks of values that several commands take."""

from __future__ import annotations

import contextlib
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from gatekit.cell.errors import ConfigError, RunError
from gatekit.study.argv import Reader


class Parser(Reader):
    """The parser that every command receives, with a method for each shared option.

    A command is a function ``run(parser) -> int``: it adds its arguments, reads them, and returns
    the exit code.

    Args:
        command: the command's name, ``show`` in ``gatekit show``.
        summary: what the command does, for its help.
        typed: the words after the command's name.
    """

    def __init__(self, command: str, summary: str, typed: Sequence[str]) -> None:
        super().__init__(f"gatekit {command}", typed, description=summary)
        self.add_argument("--debug", action="store_true", help="show the traceback of an error")

    def add_study(self, text: str = "the study's name") -> None:
        """Add the name of a study."""
        self.add_argument("study", help=text)

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

    def add_json(self, text: str = "write JSON") -> None:
        """Add the option to write data for other programs."""
        self.add_argument("--json", action="store_true", help=text)

    def add_overrides(
        self,
        text: str = "cell=NAME units=64 features=32 block=NAME width=64 output_unit=NAME "
        "swap.ROLE=GATE cell.gates.GATE.OPTION=VALUE plugins=[FILE.py]",
    ) -> None:
        """Add the words that name and change one cell, or choose how runs are started."""
        self.add_argument("overrides", nargs="*", metavar="KEY=VALUE", help=text)

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
    what = "a folder" if path.is_dir() else "another kind of file"
    raise ConfigError(f"{option} {path} is {what}; a {endings[0]} file is expected")


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
            f"--figure {path}: the formats of figures are {', '.join(FIGURE_FORMATS)}"
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
