"""The ``gatekit`` command: run a subcommand, turn errors into a message and an exit code."""

from __future__ import annotations

import errno
import importlib
import os
import sys
from collections.abc import Sequence

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError, GatekitError, listed, nearest
from gatekit.cell.terminal import OutputError

from .arguments import COMPLETING
from .commands import COMMANDS, usage
from .output import guarded, write
from .spelling import with_plugins

EXIT_REFUSED = 2
EXIT_OUTPUT = 74
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of gatekit.

    Args:
        argv: the arguments after ``gatekit``; None means those of the process.

    Returns:
        The exit code: 0 done, 1 done but incomplete, 2 refused with a message, 74 the output
        cannot be written, 130 interrupted, 141 the reader of the output closed the pipe.
    """
    code = _run(list(sys.argv[1:] if argv is None else argv))
    quarantine = sys.modules.get("gatekit.registry.quarantine")
    if argv is None and quarantine is not None:
        quarantine.leave(code)
    return code


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        with guarded():
            return _exit_code(arguments, debug)
    except OutputError as error:
        if error.errno == errno.EPIPE:
            return EXIT_BROKEN_PIPE
        sys.stderr.write(f"gatekit: the output cannot be written: {error.strerror}\n")
        return EXIT_OUTPUT


def _exit_code(arguments: list[str], debug: bool) -> int:
    try:
        return _dispatch(arguments)
    except GatekitError as error:
        if debug:
            raise
        sys.stderr.write(f"gatekit: {error}\n")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        if debug:
            raise
        sys.stderr.write("gatekit: interrupted\n")
        return EXIT_INTERRUPTED


def _dispatch(arguments: list[str]) -> int:
    if COMPLETING in os.environ and "COMP_LINE" in os.environ:
        from .completion import complete

        complete()
    if arguments[:1] == ["--debug"]:
        arguments = [*arguments[1:], "--debug"]
    if arguments[:1] == ["help"]:
        arguments = [*arguments[1:2], "--help"]
    if not arguments or arguments[0] in ("-h", "--help", "--debug"):
        write(usage())
        return 0
    name, *rest = arguments
    if name == "--version":
        write(_version())
        return 0
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        meant = _OTHER_NAMES.get(name)
        hint = f"; did you mean {meant!r}?" if meant else nearest(name, COMMANDS) or "."
        if name in ("stop", "kill", "cancel"):
            hint = "; Ctrl+C in the terminal of `gatekit train` stops it, and nothing is lost."
        raise ConfigError(
            f"there is no {what} {name!r}{hint} "
            f"Commands: {listed(COMMANDS)}. Type `gatekit --help`."
        )
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(
            f"the working folder cannot be read ({error.strerror}); cd to another folder"
        ) from None
    module = importlib.import_module(f".{COMMANDS[name].module}", __package__)
    code: int = module.run(name, with_plugins(name, rest))
    return code


_OTHER_NAMES = {
    **dict.fromkeys(("run", "fit", "start", "sweep", "resume", "continue"), "train"),
    **dict.fromkeys(("evaluate", "eval", "results", "table"), "compare"),
    **dict.fromkeys(("plot", "figure", "draw"), "compare STUDY --figure FILE"),
    **dict.fromkeys(("list", "ls"), "studies"),
    **dict.fromkeys(("ps", "top", "watch"), "status"),
    **dict.fromkeys(("ui", "dashboard", "view"), "serve"),
    **dict.fromkeys(("create", "init"), "new"),
    **dict.fromkeys(("test", "validate", "lint"), "check"),
    **dict.fromkeys(("delete", "rm", "remove", "clean"), "prune"),
    "version": "--version",
    **dict.fromkeys(("describe", "info", "summary"), "show"),
}
"""What other programs call a command, with gatekit's name."""


def _version() -> str:
    return f"gatekit {__version__}"
