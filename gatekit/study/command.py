"""`gatekit train`: Hydra composes, the plan judges, the launcher runs."""

from __future__ import annotations

import contextlib
import os
import re
import shlex
import sys
import traceback
import warnings
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Any

from gatekit.cell.errors import ConfigError, GatekitError, listed, nearest

from .words import MODES, is_value, prefixed

if TYPE_CHECKING:
    from omegaconf import DictConfig

    from .composed import Composed

_SEVERAL = re.compile(r"Ambiguous value for argument '(.*)'")


def train(argv: Sequence[str]) -> int:
    """Run ``gatekit train ARGV`` and return its exit code.

    Args:
        argv: what Hydra takes (overrides, ``-m``), and ``--debug``, ``--trust-config``.

    Returns:
        0; 1 when a run failed; 2 when the configuration is refused (then nothing has been written);
        128 + n after signal n.
    """
    debug = "--debug" in argv
    try:
        found = composition([a for a in argv if a != "--debug"])
        from .launch import launch, report
        from .plan import plan

        if found.search is not None:
            from gatekit.study.search.optuna import tune

            planned, outcome = tune(found.search, typed_again(argv))
        elif found.jobs:
            planned = plan(found.jobs, typed_again(argv))
            outcome = launch(planned)
        else:
            return 0
        _say(report(planned, outcome))
        return outcome.code
    except GatekitError as error:
        if debug:
            traceback.print_exc()
        sys.stderr.write(f"gatekit train: {error}\n")
        return 2


def typed_again(argv: Sequence[str]) -> str:
    """Return the command as it is typed in a shell."""
    return shlex.join(["gatekit", "train", *(a for a in argv if a != "--debug")])


def compose(argv: Sequence[str]) -> list[tuple[tuple[str, ...], DictConfig]]:
    """Return the jobs that a command line asks for: overrides and composed configuration of each.

    For a search that learns from results, the jobs are those of random draws.

    Raises:
        ConfigError: Hydra cannot compose them, or they set what Hydra itself would execute.
    """
    found = composition(argv)
    return list(found.jobs) if found.search is None else found.search.jobs()


def composition(argv: Sequence[str]) -> Composed:
    """Return what Hydra makes of a command line.

    Raises:
        ConfigError: Hydra cannot compose it, or it sets what Hydra itself would execute.
    """
    trusted = "--trust-config" in argv
    typed = [a for a in argv if a != "--trust-config"]
    words = [
        word if is_value(before, word) else prefixed(word, trusted)
        for before, word in zip(["", *typed], typed, strict=False)
    ]
    # Hydra's parser takes overrides from one side of -m only.
    words.sort(key=lambda word: word not in MODES)
    import hydra
    from hydra.core.global_hydra import GlobalHydra
    from hydra.core.plugins import Plugins
    from hydra.errors import HydraException, MissingConfigException, OverrideParseException
    from omegaconf.errors import OmegaConfBaseException

    from . import composed
    from .hydra import launcher, sources, sweepers

    for plugin in (
        launcher.ProcessLauncher,
        sweepers.GridSweeper,
        sweepers.RandomSweeper,
        sweepers.OptunaSweeper,
        sources.CheckedSource,
        sources.RegistrySource,
        sources.GatekitSearchPath,
    ):
        Plugins.instance().register(plugin)
    collected = composed.begin(_plugins(words), trusted)
    main = hydra.main(version_base="1.3", config_path="pkg://gatekit.conf", config_name="train")
    try:
        with _command_line(words), warnings.catch_warnings():
            GlobalHydra.instance().clear()
            main(collected)()
    except SystemExit as stop:
        if stop.code not in (0, None):
            raise ConfigError("Hydra refused the command line; see above.") from None
    except MissingConfigException as error:
        raise ConfigError(_missing(error)) from error
    except OverrideParseException as error:
        raise ConfigError(_unreadable(str(error.override))) from error
    except (HydraException, OmegaConfBaseException) as error:
        raise ConfigError(_told(error)) from error
    except GatekitError:
        raise
    except (ValueError, ArithmeticError) as error:
        # Hydra's word on options that exclude each other, such as -m and --cfg
        raise ConfigError(_told(error)) from error
    except RecursionError:
        raise ConfigError("the configuration is nested too deeply.") from None
    finally:
        GlobalHydra.instance().clear()
    return collected


def _plugins(words: Sequence[str]) -> list[str]:
    for word in words:
        key, _, value = word.partition("=")
        if key.lstrip("+") == "plugins":
            return [v.strip(" '\"[]") for v in value.strip().strip("[]").split(",") if v.strip()]
    return []


def _told(error: BaseException) -> str:
    said = [str(error).strip()]
    if several := _SEVERAL.search(said[0]):
        override = several[1].lstrip("+")
        return f"{override} lists several values: add -m (--multirun) to run each of them."
    cause = error.__cause__
    while cause is not None:
        if str(cause).strip() and str(cause).strip() not in said:
            said.append(str(cause).strip())
        cause = cause.__cause__
    return "\n".join(s for s in said if s)


def _unreadable(override: str) -> str:
    key, _, value = override.lstrip("+").partition("=")
    bare = value.strip("'")
    return (
        f"{key}={value} cannot be read: a value with ( ) [ ] {{ }} , = or ; needs quotes of its "
        f"own within the shell's. Type \"{key}='{bare}'\" with both kinds of quotes."
    )


def _missing(error: Any) -> str:
    from gatekit.registry import left_out

    from . import composed

    group, _, name = str(error.missing_cfg_file or "").partition("/")
    known = [str(option) for option in error.options or ()]
    if not group or not name:
        return _told(error)
    where = f"./conf/{group}/{name}.yaml"
    return (
        f"{group}={name}: there is no such {group.replace('_', ' ')}{nearest(name, known) or '.'} "
        f"Known: {listed(known, 60)}. A file of your own is found at {where}. "
        f"{left_out(name, composed.current.plugins)}".rstrip()
    )


def _say(text: str) -> None:
    sys.stdout.write(text + "\n")
    sys.stdout.flush()


@contextlib.contextmanager
def _command_line(words: Sequence[str]) -> Iterator[None]:
    # hydra.main reads sys.argv; with this variable it raises instead of printing and leaving.
    before, full = sys.argv, os.environ.get("HYDRA_FULL_ERROR")
    sys.argv = ["gatekit train", *words]
    os.environ["HYDRA_FULL_ERROR"] = "1"
    try:
        yield
    finally:
        sys.argv = before
        if full is None:
            del os.environ["HYDRA_FULL_ERROR"]
        else:
            os.environ["HYDRA_FULL_ERROR"] = full
