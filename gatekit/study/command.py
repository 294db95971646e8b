"""`gatekit train`: Hydra composes the configurations, the plan checks them, `launch` runs them."""

from __future__ import annotations

import argparse
import os
import re
import shlex
import sys
import traceback
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from gatekit._version import __version__
from gatekit.cell.errors import ConfigError, GatekitError, listed
from gatekit.faults import known_as, note_for
from gatekit.runs.studies.plan_file import training

from .typed import as_keys, elsewhere, key_of, line, near_option, refusal
from .words import TRUST, overrides, plugin_files

if TYPE_CHECKING:
    from .hydra.sweepers import Composition
    from .search import Job


_OWN_FILES = (
    "{}: put your files into ./conf, which is searched first: conf/experiment/NAME.yaml is "
    "experiment=NAME."
)


_OTHER_OPTIONS = {
    **dict.fromkeys(
        ("--print-config", "--show-config", "--print_config"), "--cfg job shows the configuration"
    ),
    **dict.fromkeys(("--sweep", "--grid", "--multi"), "type -m to run all combinations"),
    **dict.fromkeys(
        ("--verbose", "--quiet", "-v", "-q"),
        "there is one level of detail, and `gatekit logs RUN` shows the log of a run",
    ),
}
"""What to type instead of options of other programs."""


class _TrainParser(argparse.ArgumentParser):
    typed: Sequence[str] = ()

    def error(self, message: str) -> NoReturn:
        raise ConfigError(refusal(self, message, self.typed, lambda action: ""))


def parser() -> _TrainParser:
    """Return the parser of the options of ``gatekit train``."""
    options = _TrainParser("gatekit train", add_help=False, allow_abbrev=False)
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
        sys.stderr.write(f"gatekit train: {error}\n")
        return 2


def _train(argv: Sequence[str]) -> int:
    options = _read(argv)
    if options.version:
        _write(f"gatekit {__version__}")
        return 0
    if options.shell_completion:
        _write(completion(options.overrides))
        return 0
    if options.help or options.cfg or options.info or options.hydra_help:
        _show(options)
        return 0
    if sys.stdout.isatty():
        _write("composing the runs")
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
    _write(report(planned, outcome))
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
            typed = [word for word in argv if word not in own]
            raise ConfigError(
                f"--{name.replace('_', '-')} is an option of gatekit train only; type "
                f"{line('gatekit train', typed)}."
            )
    return _composition(options)


def _composition(options: argparse.Namespace) -> Composition:
    words = overrides(options.overrides, options.trust_config)
    from .hydra.composing import composed, opened

    with opened(plugin_files(words), options.trust_config, options.config_dir) as hydra:
        return composed(hydra, words, options.multirun, options.trust_config)


def _show(options: argparse.Namespace) -> None:
    words = overrides(options.overrides, options.trust_config)
    from .hydra.composing import configuration, opened, show

    with opened(plugin_files(words), options.trust_config, options.config_dir) as hydra:
        if options.help:
            from .help import help_text

            experiments = hydra.config_loader.get_group_options("experiment")
            _write(help_text(configuration(hydra, words), experiments))
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
            "--shell-completion takes one of install=bash, uninstall=bash and query=bash (or zsh, "
            'fish). Type eval "$(gatekit train -sc install=bash)".'
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


def _read(argv: Sequence[str], own: Sequence[str] = ()) -> argparse.Namespace:
    reader = parser()
    reader.typed = argv
    if "--list" in own:
        reader.prog = "gatekit plan"
    known = [*own, *(o for action in reader._actions for o in action.option_strings)]
    for word, after in zip(argv, [*argv[1:], ""], strict=False):
        if re.match(r"-c[npd]\b", word):  # argparse would read -cn as --cfg n
            raise ConfigError(_OWN_FILES.format(word))
        if word in ("-c", "--cfg") and after.endswith((".yaml", ".yml")):
            stem = Path(after).stem
            raise ConfigError(
                f"{word} {after}: type experiment={stem} for the file conf/experiment/{stem}.yaml."
            )
        if word[:1] == "-" != word[1:2] and len(word) > 2 and key_of(word):
            raise ConfigError(_dashes(reader.prog, argv, known))
    options, unknown = reader.parse_known_intermixed_args(list(argv))
    for word in unknown:
        name = word.partition("=")[0]
        if name.startswith("--config-"):
            raise ConfigError(_OWN_FILES.format(word))
        if key_of(name):
            raise ConfigError(_dashes(reader.prog, argv, known))
        if name in ("--resume", "--continue", "--restart"):
            raise ConfigError(
                f"{name} is not an option of this command, and not needed: type "
                f"{_training(argv) or 'the command that trained the study again'}. It skips "
                "complete runs and continues the others."
            )
        hint = elsewhere(word, reader.prog, argv[list(argv).index(word) + 1 :])
        if plain := _OTHER_OPTIONS.get(name):
            hint = f"; {plain}."
        bare = name.lstrip("-").replace("-", "_")
        if note := note_for("key", bare):
            hint = f": {note}."
        elif key := known_as("key", bare):
            hint = f"; the key is {key}."
        near = "" if hint else near_option(name, known) or {"-M": "-m"}.get(name, "")
        if near:
            typed = [near if other == word else other for other in argv]
            hint = f"; did you mean {near!r}? Type {line(reader.prog, typed)}."
        common = (*own, "-m", "--cfg job", "--info defaults", "--help", "--debug")
        raise ConfigError(
            f"{name} is not an option of this command{hint or f'. Options: {listed(common)}.'}"
        )
    if options.config_dir is not None and not options.trust_config:
        raise ConfigError(
            f"--config-dir {options.config_dir}: put your files into ./conf, which is searched "
            f"first, {TRUST} if you wrote them yourself."
        )
    if options.config_dir is not None and not os.path.isdir(options.config_dir):
        raise ConfigError(f"--config-dir {options.config_dir} is not a folder.")
    shown = [f"--{name.replace('_', '-')}" for name in ("cfg", "info") if getattr(options, name)]
    if len(shown) > 1 or (shown and options.multirun):
        raise ConfigError(
            f"{' and '.join(shown)} {'exclude each other' if len(shown) > 1 else 'shows one run'}; "
            "remove one of the options. gatekit plan -m ... --list lists the runs of a sweep."
        )
    if options.resolve and not options.cfg:
        raise ConfigError("--resolve requires --cfg job, --cfg hydra or --cfg all.")
    return options


def _training(argv: Sequence[str]) -> str:
    """Return the command that trained the study named in some words, or an empty string."""
    names = [word.removeprefix("study=") for word in argv if word.startswith("study=")]
    command = training(Path("experiments", names[-1])) if names else ""
    return f"`{command}`" if command else ""


def _dashes(program: str, argv: Sequence[str], options: Sequence[str]) -> str:
    """Return what to type instead of keys that are typed as options."""
    typed = as_keys(argv, options)
    word = next(word for word in argv if word not in typed)
    return f"{word} is a key, and keys have no dashes: type {line(program, typed)}."


def _write(text: str) -> None:
    sys.stdout.write(f"{text.rstrip()}\n")
    sys.stdout.flush()
