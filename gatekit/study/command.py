"""`gatekit train`: Hydra composes the configurations, the plan checks them, `launch` runs them."""

from __future__ import annotations

import os
import shlex
import sys
import traceback
from argparse import Namespace
from collections.abc import Sequence
from typing import TYPE_CHECKING, NoReturn

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.faults import Fault, Kind, Place

from .argv import Reader
from .line import overrides, plugin_files

if TYPE_CHECKING:
    from .hydra.sweepers import Composition
    from .search import Job


def parser(typed: Sequence[str] = (), own: Sequence[str] = ()) -> Reader:
    """Return the parser of the options of ``gatekit train``.

    Args:
        typed: the words after the command's name.
        own: switches of ``gatekit plan``, which takes the same words.
    """
    options = Reader("gatekit plan" if own else "gatekit train", typed, add_help=False)
    options.add_argument("overrides", nargs="*")
    options.add_argument("-m", "--multirun", action="store_true")
    options.add_argument("-r", "--run", action="store_true")
    options.add_argument("-c", "--cfg", choices=("job", "hydra", "all"))
    options.add_argument("-p", "--package")
    options.add_argument("--resolve", action="store_true")
    infos = ("all", "config", "defaults", "defaults-tree", "plugins", "searchpath")
    options.add_argument("-i", "--info", choices=infos, nargs="?", const="all")
    options.add_argument("-h", "--help", action="store_true")
    options.add_argument("--hydra-help", action="store_true")
    options.add_argument("--version", action="store_true")
    options.add_argument("-sc", "--shell-completion", action="store_true")
    options.add_argument("--config-dir")
    options.add_argument("--trust-config", action="store_true")
    options.add_argument("--debug", action="store_true")
    for option in own:
        options.add_argument(option, action="store_true")
    return options


def train(argv: Sequence[str]) -> int:
    """Run ``gatekit train ARGV`` and return its exit code.

    Args:
        argv: overrides in Hydra's grammar, and options.

    Returns:
        0; 1 if a run failed or has no outcome yet; 2 if an error ended the command (nothing has
        been written if the configuration was refused); 128 + n after signal n.
    """
    try:
        return _train(argv)
    except GatekitError as error:
        if "--debug" in argv:
            traceback.print_exc()
        error.spoken(parser(argv).channel(error.channel))
        sys.stderr.write(f"gatekit train: {error}\n")
        return 2


def _train(argv: Sequence[str]) -> int:
    options = _read(argv)
    if options.version:
        _print(f"gatekit {__version__}")
        return 0
    if options.shell_completion:
        _print(completion(options.overrides))
        return 0
    if options.help or options.cfg or options.info or options.hydra_help:
        _show(options)
        return 0
    if sys.stdout.isatty():
        _print("composing the runs")
    asked = _composition(options)

    from .launch import launch, report
    from .plan import plan

    command = typed_again(argv)
    if asked.search is not None:
        from .search.optuna import tune

        planned, outcome = tune(asked.search, command)
    else:
        planned = plan(asked.jobs, command)
        outcome = launch(planned)
    _print(report(planned, outcome))
    return outcome.code


def typed_again(argv: Sequence[str]) -> str:
    """Return the command as you would type it in a shell."""
    return shlex.join(["gatekit", "train", *(a for a in argv if a != "--debug")])


def compose(argv: Sequence[str], own: Sequence[str] = ()) -> list[Job]:
    """Return the jobs of a command line, each with its overrides and its composed configuration.

    A search that learns from results is replaced by random draws.

    Args:
        argv: overrides and options.
        own: options that the calling command has and ``gatekit train`` lacks, for messages.

    Raises:
        ConfigError: Hydra cannot compose the jobs, or they set a key that is refused.
    """
    asked = composition(argv, own)
    return asked.jobs if asked.search is None else asked.search.jobs()


def composition(argv: Sequence[str], own: Sequence[str] = ()) -> Composition:
    """Return the jobs of a command line, or its search.

    Args:
        argv: overrides and options.
        own: options that the calling command has and ``gatekit train`` lacks, for messages.

    Raises:
        ConfigError: Hydra cannot compose the jobs, or they set a key that is refused.
    """
    options = _read(argv, own)
    for name in ("help", "cfg", "info", "hydra_help", "version", "shell_completion"):
        if getattr(options, name):
            _refuse(f"--{name.replace('_', '-')}", "it is an option of gatekit train only")
    return _composition(options)


def _composition(options: Namespace) -> Composition:
    words = overrides(options.overrides, options.trust_config)
    from .hydra.composing import composed, opened

    with opened(plugin_files(words), options.trust_config, options.config_dir) as hydra:
        return composed(hydra, words, options.multirun, options.trust_config)


def _show(options: Namespace) -> None:
    words = overrides(options.overrides, options.trust_config)
    from .hydra.composing import configuration, opened, show

    with opened(plugin_files(words), options.trust_config, options.config_dir) as hydra:
        if options.help:
            from .help import help_text

            experiments = hydra.config_loader.get_group_options("experiment")
            _print(help_text(configuration(hydra, words), experiments))
        else:
            show(hydra, words, options)


def completion(words: Sequence[str]) -> str:
    """Return the output of ``-sc install=bash``, ``uninstall=bash`` or ``query=bash``.

    Raises:
        ConfigError: the words are none of these.
    """
    what, _, shell = words[0].partition("=") if len(words) == 1 else ("", "", "")
    if what not in ("install", "uninstall", "query") or shell not in ("bash", "zsh", "fish"):
        raise ConfigError(
            "--shell-completion: expected install=SHELL, uninstall=SHELL or query=SHELL, of the "
            "shells bash, zsh and fish"
        )
    if what == "query":
        from .hydra.composing import candidates

        line = os.environ.get("COMP_LINE", "")
        typed = line.split()[2:]
        last = typed.pop() if typed and not line[-1].isspace() else ""
        return " ".join(candidates([word for word in typed if "=" in word], last))
    if what == "uninstall":
        return "complete -e -c gatekit" if shell == "fish" else "complete -r gatekit"
    from argcomplete.shell_integration import shellcode

    return str(shellcode(["gatekit"], shell=shell))


def _read(argv: Sequence[str], own: Sequence[str] = ()) -> Namespace:
    options = parser(argv, own).read()
    shown = [name for name in ("cfg", "info") if getattr(options, name)]
    if options.config_dir is not None and not options.trust_config:
        _refuse("--config-dir", "it needs --trust-config, since its files may be a stranger's")
    if options.config_dir is not None and not os.path.isdir(options.config_dir):
        raise ConfigError(f"--config-dir {options.config_dir} is not a folder.")
    if len(shown) > 1:
        _refuse("--info", f"it excludes --{shown[0]}")
    if shown and options.multirun:
        _refuse(f"--{shown[0]}", "it shows one run, and -m are several")
    if options.resolve and not options.cfg:
        _refuse("--resolve", "it needs --cfg")
    return options


def _refuse(option: str, why: str) -> NoReturn:
    raise ConfigError(Fault(Kind.CONFLICT, Place((option,)), why=why))


def _print(text: str) -> None:
    sys.stdout.write(f"{text.rstrip()}\n")
    sys.stdout.flush()
