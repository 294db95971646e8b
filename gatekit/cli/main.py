"""The ``gatekit`` command: run a subcommand, turn errors into a message and an exit code."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Sequence

from gatekit.cell.errors import ConfigError, GatekitError, listed, nearest

from .commands import COMMANDS, usage
from .output import write

EXIT_REFUSED = 2
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of gatekit.

    Args:
        argv: the arguments after ``gatekit``; by default those of the process.

    Returns:
        The exit code: 0 done, 1 done but incomplete, 2 refused with a message, 130 interrupted.
    """
    code = _run(list(sys.argv[1:] if argv is None else argv))
    quarantine = sys.modules.get("gatekit.registry.quarantine")
    if argv is None and quarantine is not None:
        quarantine.leave(code)
    return code


def _run(arguments: list[str]) -> int:
    debug = "--debug" in arguments
    try:
        code = _dispatch(arguments)
        sys.stdout.flush()
    except GatekitError as error:
        if debug:
            raise
        sys.stderr.write(f"gatekit: {error}\n")
        return EXIT_REFUSED
    except BrokenPipeError:
        # The reader of our output has left; what Python flushes at exit must find an open file.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return EXIT_BROKEN_PIPE
    except KeyboardInterrupt:
        if debug:
            raise
        sys.stderr.write("gatekit: interrupted\n")
        return EXIT_INTERRUPTED
    return code


def _dispatch(arguments: list[str]) -> int:
    if arguments[:1] == ["--debug"]:
        arguments = [*arguments[1:], "--debug"]
    if not arguments or arguments[0] in ("-h", "--help", "--debug"):
        write(usage())
        return 0
    name, *rest = arguments
    if name == "--version":
        write(_version())
        return 0
    if name not in COMMANDS:
        what = "option" if name.startswith("-") else "command"
        raise ConfigError(
            f"there is no {what} {name!r}{nearest(name, COMMANDS) or '.'} "
            f"Commands: {listed(COMMANDS)}. Type `gatekit --help`."
        )
    module = importlib.import_module(f".{COMMANDS[name].module}", __package__)
    code: int = module.run(name, rest)
    return code


def _version() -> str:
    from gatekit import __version__

    return f"gatekit {__version__}"
