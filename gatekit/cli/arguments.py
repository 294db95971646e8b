"""The parser that every command receives: a method for each option that several commands share."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

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
