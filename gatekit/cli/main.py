"""The ``gatekit`` command: run a subcommand, turn errors into a message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError, GatekitError, excerpt
from gatekit.cell.terminal import OutputError
from gatekit.faults import (
    Fault,
    Kind,
    Place,
)

from .commands import COMMANDS, usage
from .options import Parser
from .output import guarded, print_text

EXIT_REFUSED = 2
EXIT_OUTPUT = 74
EXIT_INTERRUPTED = 130
EXIT_BROKEN_PIPE = 141


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command of gatekit.

    Args:
        argv: the arguments after ``gatekit``; None means those of the process.

    Returns:
        The exit code: 0 done, 1 done but something failed or is missing, 2 refused with a message,
        74 the output cannot be written, 130 interrupted, 141 the reader of the output closed the
        pipe.
    """
    if argv is None:  # otherwise TensorFlow's log precedes our messages if a plugin imports it
        os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
        os.environ["KERAS_BACKEND"] = "tensorflow"  # whatever your shell or keras.json says
    code = _run(list(sys.argv[1:] if argv is None else argv))
    guard = sys.modules.get("gatekit.registry.guard")
    if argv is None and guard is not None:
        guard.leave(code)
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
    except OSError as error:
        if debug or error.errno != errno.ENAMETOOLONG or isinstance(error, OutputError):
            raise
        name = excerpt(Path(str(error.filename)).name)
        sys.stderr.write(f"gatekit: {name!r} is too long for a file name\n")
        return EXIT_REFUSED
    except KeyboardInterrupt:
        if debug:
            raise
        sys.stderr.write("gatekit: interrupted\n")
        return EXIT_INTERRUPTED


def _dispatch(arguments: list[str]) -> int:
    if "_ARGCOMPLETE" in os.environ and "COMP_LINE" in os.environ:
        from .completion import complete

        complete()
    if arguments[:1] == ["--debug"]:
        arguments = [*arguments[1:], "--debug"]
    if arguments[:1] == ["help"] or (arguments[:1] == ["--help"] and arguments[1:2]):
        arguments = [*arguments[1:2], "--help"]
    if not arguments or arguments[0] in ("-h", "--help", "--debug"):
        print_text(usage())
        return 0
    name, *rest = arguments
    if name in ("--version", "-V"):
        print_text(f"gatekit {__version__}")
        return 0
    if name not in COMMANDS:
        raise ConfigError(_no_command(name))
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(f"the working folder cannot be read ({error.strerror})") from None
    command, words = COMMANDS[name], with_plugins(name, rest)
    if name == "train":  # its arguments are in Hydra's grammar
        from gatekit.study.command import train

        return train(words)
    parser = Parser(name, command.summary, words)
    try:
        return command.function()(parser)
    except GatekitError as error:
        raise error.spoken(parser.channel(error.channel)) from error.__cause__
    except ModuleNotFoundError as error:
        if error.name not in ("tensorflow", "keras"):
            raise
        raise ConfigError(f"{name} needs TensorFlow, which is not installed") from error


def with_plugins(command: str, words: Sequence[str]) -> list[str]:
    """Return a command's words, with plugin files in the spelling that the command reads.

    Args:
        command: the command's name.
        words: its arguments.

    Raises:
        ConfigError: ``--plugin`` has no file.
    """
    spelling = COMMANDS[command].plugins
    others: list[str] = []
    files: list[str] = []
    rest = iter(words)
    for word in rest:
        if spelling and word.lstrip("+").startswith("plugins="):
            from gatekit.study.line import plugin_files

            named = plugin_files([word])
            files += named
            others += [w for file in named for w in ("--plugin", file) if spelling == "option"]
        elif spelling == "key" and (word == "--plugin" or word.startswith("--plugin=")):
            file = word.partition("=")[2] or next(rest, "")
            if not file:
                raise ConfigError(Fault(Kind.MISSING, Place(("--plugin",)), expected="a file"))
            files.append(file)
        else:
            others.append(word)
    # The files come first, because Hydra takes no override after an option such as --cfg job.
    return [f"plugins=[{','.join(files)}]", *others] if files and spelling == "key" else others


def _no_command(name: str) -> Fault:
    """Return the fault of a command that does not exist."""
    return Fault(Kind.UNKNOWN, Place((name,)), what="commands", known=tuple(COMMANDS))
