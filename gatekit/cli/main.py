"""The ``gatekit`` command: run a subcommand, turn errors into a message and an exit code."""

from __future__ import annotations

import errno
import os
import sys
from collections.abc import Sequence
from pathlib import Path

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError, GatekitError, excerpt, nearest_name
from gatekit.cell.terminal import OutputError
from gatekit.study.removed import no_more

from .arguments import Parser
from .commands import COMMANDS, usage
from .options import as_options, known_studies
from .output import guarded, write

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
        message = str(error)
        head = "" if message.startswith("gatekit ") else "gatekit: "
        sys.stderr.write(f"{head}{as_options(message, arguments[0])}\n")
        return EXIT_REFUSED
    except OSError as error:
        if debug or error.errno != errno.ENAMETOOLONG or isinstance(error, OutputError):
            raise
        name = excerpt(Path(str(error.filename)).name)
        sys.stderr.write(f"gatekit: {name!r} is too long for a file name; type a shorter one\n")
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
        write(usage())
        return 0
    name, *rest = arguments
    if name in ("--version", "-V"):
        write(f"gatekit {__version__}")
        return 0
    if name not in COMMANDS:
        raise ConfigError(_no_command(name, rest))
    try:
        os.getcwd()
    except OSError as error:
        raise ConfigError(
            f"the working folder cannot be read ({error.strerror}); cd to another folder"
        ) from None
    command, words = COMMANDS[name], with_plugins(name, rest)
    if name == "train":  # its arguments are in Hydra's grammar
        from gatekit.study.command import train

        return train(words)
    return command.function()(Parser(name, command.summary, words))


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
            from gatekit.study.words import plugin_files

            named = plugin_files([word])
            files += named
            others += [w for file in named for w in ("--plugin", file) if spelling == "option"]
        elif spelling == "key" and (word == "--plugin" or word.startswith("--plugin=")):
            file = word.partition("=")[2] or next(rest, "")
            if not file:
                raise ConfigError("--plugin needs a file; type --plugin FILE.py")
            files.append(file)
        else:
            others.append(word)
    # The files come first, because Hydra takes no override after an option such as --cfg job.
    return [f"plugins=[{','.join(files)}]", *others] if files and spelling == "key" else others


def _no_command(name: str, rest: list[str]) -> str:
    """Return the message for a command that does not exist, with what to type instead."""
    from gatekit.study.typed import line

    what = "option" if name.startswith("-") else "command"
    head = f"there is no {what} {name!r}"
    every = "`gatekit --help` lists all commands."
    if gone := no_more(name):
        return head + gone
    if name in _NOTES:
        return f"{head}; {_NOTES[name]}"
    if done := _of_folder(name, rest):
        return f"{head}; {done}"
    if swapped := next((word for word in rest if word in COMMANDS), None):
        # `gatekit list cells` is `gatekit cells`, and `gatekit base compare` names a study.
        named = [] if name in _OTHER_NAMES else [name]
        words = [swapped, *named, *(word for word in rest if word != swapped)]
        return f"{head}; the command comes first: type {line('gatekit', words)}."
    if name.endswith((".yaml", ".yml", ".py")) or "=" in name:
        typed = line("gatekit", ["train", name, *rest] if "=" in name else ["check", name])
        return f"{head}; the command comes first: type for example {typed}."
    if rest == ["--help"] and name not in _OTHER_NAMES and not nearest_name(name, COMMANDS):
        return f"{head}, and each command has its own help: type `gatekit COMMAND --help`. {every}"
    meant = _OTHER_NAMES.get(name) or nearest_name(name, COMMANDS)
    if not meant:
        return f"{head}. {every}"
    words = meant.split()
    if "STUDY" in words and rest:
        words[words.index("STUDY")] = rest.pop(0)
    typed = line("gatekit", [*words, *rest])
    return f"{head}; did you mean {meant!r}? Type {typed}. {every}"


def _of_folder(name: str, rest: list[str]) -> str:
    """Return how to continue, remove, rename or merge a study; empty for other commands."""
    from gatekit.runs.studies.plan_file import training

    named = next((word for word in rest if word[:1] != "-"), "STUDY")
    folder = f"experiments/{named}"
    if name in _RESUME:
        typed = training(Path(folder)) if named in known_studies() else ""
        again = f"repeat the study's command to continue it: type `{typed}`." if typed else ""
        return again or "to continue a study, repeat the command that started it."
    if name in _REMOVE:
        return (
            f"a study is the folder {folder}: to delete it with its results type `rm -r {folder}`. "
            f"`gatekit prune {named}` lists the files that it no longer needs."
        )
    if name in _MOVE:
        other = next((word for word in rest if word not in (named, "--")), "NEW")
        verb = "cp -r" if name in ("copy", "cp") else "mv"
        return f"a study is a folder: type `{verb} {folder} experiments/{other}`."
    if name in ("merge", "join", "combine"):
        return "runs are compared within one study: train them all with the same study=NAME."
    return ""


_RESUME = ("resume", "continue", "restart", "retry", "rerun-all")
_REMOVE = ("delete", "rm", "remove", "del", "clean", "clear")
_MOVE = ("rename", "mv", "move", "copy", "cp")
_OTHER_NAMES = {
    **dict.fromkeys(("run", "fit", "start", "sweep"), "train"),
    **dict.fromkeys(("evaluate", "eval", "results", "table"), "compare"),
    **dict.fromkeys(("plot", "figure", "draw"), "compare STUDY --figure figure.svg"),
    **dict.fromkeys(("list", "ls"), "studies"),
    **dict.fromkeys(("ps", "top", "watch"), "status"),
    **dict.fromkeys(("ui", "dashboard", "view"), "serve"),
    **dict.fromkeys(("create", "init"), "new"),
    **dict.fromkeys(("test", "validate", "lint"), "check"),
    "version": "--version",
    **dict.fromkeys(("describe", "info", "summary", "config", "show-config", "print"), "show"),
    **dict.fromkeys(("experiments", "projects", "sweeps", "runs", "history"), "studies"),
    **dict.fromkeys(("add-seeds", "more", "seeds"), "extend"),
    **dict.fromkeys(("export-code", "convert", "onnx", "torch", "generate-code"), "code"),
    **dict.fromkeys(("models", "layers"), "cells"),
    **dict.fromkeys(("datasets", "download"), "data list"),
    **dict.fromkeys(("optuna", "search"), "train -m hydra/sweeper=optuna"),
    **dict.fromkeys(("errors", "error", "traceback"), "failures"),
    **dict.fromkeys(("diff", "explain"), "why"),
    **dict.fromkeys(("dry-run", "dryrun", "preview"), "plan"),
    **dict.fromkeys(("-v", "-version"), "--version"),
    "bibtex": "cite",
    "share": "bundle",
}
"""Names of commands in other programs, with gatekit's names for them."""

_NOTES = {
    **dict.fromkeys(
        ("stop", "kill", "cancel"),
        "Ctrl+C in the terminal of `gatekit train` stops it, and nothing is lost.",
    ),
    **dict.fromkeys(
        ("docs", "doc", "tutorial", "manual", "examples", "guide", "quickstart"),
        "the documentation is in the folder docs of the repository; start with "
        "docs/tutorial.md. `gatekit COMMAND --help` describes a command.",
    ),
    **dict.fromkeys(
        ("install", "update", "upgrade", "uninstall"),
        "install packages with pip: type for example `pip install wandb`.",
    ),
}
"""What to do instead of commands that gatekit does not have."""
