"""Compose the configurations of a command line with Hydra, which starts and writes nothing.

gatekit uses three parts of Hydra: its grammar of overrides, its defaults lists, and the options
that show them (``--cfg``, ``--info``). It does not use `hydra.main`, launchers or sweepers, because
a plan must contain all runs before the first one starts.
"""

from __future__ import annotations

import contextlib
import copy
import logging
import sys
import warnings
from argparse import Namespace
from collections.abc import Iterator, Sequence
from dataclasses import replace

from hydra import version
from hydra._internal.config_loader_impl import ConfigLoaderImpl
from hydra._internal.config_repository import ConfigRepository
from hydra._internal.hydra import Hydra
from hydra._internal.utils import get_args_parser
from hydra.core.config_search_path import ConfigSearchPath
from hydra.core.default_element import ConfigDefault, InputDefault
from hydra.core.global_hydra import GlobalHydra
from hydra.core.override_parser.overrides_parser import OverridesParser
from hydra.errors import HydraException, MissingConfigException
from hydra.plugins.completion_plugin import DefaultCompletionPlugin
from hydra.plugins.config_source import ConfigResult
from hydra.types import RunMode
from omegaconf import DictConfig
from omegaconf.errors import ConfigTypeError, OmegaConfBaseException

from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.faults import Fault, Kind, Place
from gatekit.study.interpolations import refuse_large
from gatekit.study.keys import DECLARED, named_values
from gatekit.study.line import QUICK, overrides, plugin_files, refuse_several
from gatekit.study.resolve import unresolved

from . import sweepers
from .sources import not_found, search_path

PRIMARY = "train"
"""The configuration that every composition starts from, ``conf/train.yaml``."""


class _ReadOnce(ConfigRepository):
    """Hydra's sources; each file is read only once for all jobs of a command.

    Hydra itself reads the files again for each job. With one read, an edit during the command
    changes all jobs or none, and composing takes a quarter less time.
    """

    def initialize_sources(self, config_search_path: ConfigSearchPath) -> None:
        """Create the sources of a search path; nothing has been read from them."""
        super().initialize_sources(config_search_path)
        self._read: dict[str, ConfigResult | None] = {}

    def load_config(self, config_path: str) -> ConfigResult | None:
        """Return a copy of a configuration, which Hydra changes; None if no source has it.

        An experiment may declare its small version under ``quick``; its name is NAME_quick.
        """
        if config_path not in self._read:
            found = super().load_config(config_path)
            small = config_path.removesuffix(QUICK)
            if found is not None and config_path.startswith("experiment/"):
                assert isinstance(found.config, DictConfig)
                if (quick := found.config.pop("quick", None)) is not None:
                    name = config_path.rpartition("/")[2]
                    order: list[InputDefault] = [ConfigDefault(path=p) for p in (name, "_self_")]
                    version = replace(found, config=quick, defaults_list=order)
                    self._read.setdefault(f"{config_path}{QUICK}", version)
            elif found is None and small != config_path:
                self.load_config(small)
            self._read.setdefault(config_path, found)
        return copy.deepcopy(self._read[config_path])

    def __deepcopy__(self, memo: object) -> _ReadOnce:
        """Return a copy, which Hydra makes for each job, that shares what has been read."""
        return copy.copy(self)


@contextlib.contextmanager
def opened(
    plugins: Sequence[str],
    trusted: bool = False,
    folder: str | None = None,
) -> Iterator[Hydra]:
    """Open Hydra with gatekit's sources for a block, and turn Hydra's errors into `ConfigError`.

    Args:
        plugins: plugin files of the command line.
        trusted: whether files may set keys that are otherwise refused.
        folder: an additional folder of configurations, searched first.

    Raises:
        ConfigError: Hydra raises an error in the block.
    """
    GlobalHydra.instance().clear()
    version.setbase("1.3")
    try:
        with warnings.catch_warnings():
            path = search_path(plugins, trusted, folder)
            hydra = Hydra.create_main_hydra2(PRIMARY, path)
            assert isinstance(hydra.config_loader, ConfigLoaderImpl)
            hydra.config_loader.repository = _ReadOnce(path)
            yield hydra
    except SystemExit as stop:
        if stop.code not in (0, None):
            raise ConfigError("Hydra refused the command line; see above.") from None
    except MissingConfigException as error:
        raise (not_found(error, plugins) or ConfigError(_explained(error))) from error
    except (HydraException, OmegaConfBaseException) as error:
        cause = error.__cause__
        if isinstance(cause, ConfigTypeError) and cause.full_key:
            kinds = "a list", "a mapping"
            given, had = kinds if cause.object_type is dict else reversed(kinds)
            why = f"{given} cannot replace {had}"
            raise ConfigError(Fault(Kind.REFUSED, Place.of(cause.full_key), why=why)) from error
        raise ConfigError(_explained(error)) from error
    except GatekitError:
        raise
    except (ValueError, ArithmeticError) as error:
        raise ConfigError(_explained(error)) from error
    except RecursionError:
        raise ConfigError("the configuration is nested too deeply.") from None
    finally:
        GlobalHydra.instance().clear()


def composed(
    hydra: Hydra, words: Sequence[str], multirun: bool, trusted: bool
) -> sweepers.Composition:
    """Return the jobs of some overrides, or their search.

    Args:
        hydra: Hydra, from `opened`.
        words: overrides as `gatekit.study.line` prepares them.
        multirun: whether listed values are swept; an experiment can also set this.
        trusted: whether overrides may set keys that are otherwise refused.
    """
    if not multirun:
        parsed = OverridesParser.create().parse_overrides(list(words))
        # Hydra composes listed values only in multirun mode, so the mode is looked up first.
        swept = any(each.is_sweep_override() for each in parsed)
        if not swept or hydra.get_mode(PRIMARY, list(words)) != RunMode.MULTIRUN:
            refuse_several(words)
            config = configuration(hydra, words)
            if config.hydra.mode != RunMode.MULTIRUN:
                _refuse_sweep(config)
                return sweepers.Composition([(tuple(sweepers.typed(config)), config)])
    config = configuration(hydra, words, RunMode.MULTIRUN)
    return sweepers.Sweep(config, hydra.config_loader, trusted).composition()


def _refuse_sweep(config: DictConfig) -> None:
    """Refuse what only a sweep uses, where one run would ignore it."""
    for name in ("params", "grids"):
        if config.hydra.sweeper.get(name):
            raise ConfigError(
                f"hydra.sweeper.{name}: only a sweep reads it; add -m, or write mode: MULTIRUN "
                "below hydra."
            )
    if (trials := config.get("trials")) is not None:
        raise ConfigError(
            f"trials={trials}: only a sweep draws values; add -m, and hydra/sweeper=random with an "
            "interval, such as 'optimizer.learning_rate=tag(log,interval(1e-4,1e-1))'."
        )


def configuration(hydra: Hydra, words: Sequence[str], mode: RunMode = RunMode.RUN) -> DictConfig:
    """Return the configuration that the overrides compose, with its ``hydra`` node.

    Raises:
        ConfigError: an override does not go with the files.
    """
    return hydra.compose_config(PRIMARY, list(words), mode, with_log_configuration=False)


def show(hydra: Hydra, words: Sequence[str], options: Namespace) -> None:
    """Print the output of ``--cfg``, ``--info`` or ``--hydra-help``.

    Args:
        hydra: Hydra, from `opened`.
        words: overrides.
        options: ``cfg``, ``package``, ``resolve``, ``info`` and ``hydra_help``, as typed.
    """
    overrides = list(words)
    # Compose first, so that errors are raised before anything is printed.
    config = configuration(hydra, words)
    if options.cfg:
        if options.resolve:
            refuse_large(unresolved(config))
        hydra.show_cfg(PRIMARY, overrides, options.cfg, options.package, options.resolve)
        return
    if options.info:
        with _own_logging():
            hydra.show_info(options.info, PRIMARY, overrides)
        return
    # Hydra.hydra_help configures logging first, which closes the handlers of the whole process.
    config = hydra.compose_config(None, overrides, RunMode.RUN, with_log_configuration=False)
    shown = hydra.get_sanitized_hydra_cfg(config)
    text = hydra.get_help(config.hydra.hydra_help, shown, get_args_parser(), resolve=False)
    sys.stdout.write(f"{text}\n")


@contextlib.contextmanager
def _own_logging() -> Iterator[None]:
    """Restore the root logger after the block, because Hydra adds a handler for its output."""
    root = logging.getLogger()
    level, handlers = root.level, list(root.handlers)
    try:
        yield
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)


def candidates(typed: Sequence[str], prefix: str) -> list[str]:
    """Return the completions of a prefix: groups, keys and their values.

    Args:
        typed: the overrides before the prefix; if they cannot be composed, they are ignored.
        prefix: the beginning of a word, such as ``cell=l``.
    """
    key, equals, _ = prefix.partition("=")
    if equals and key in DECLARED and (values := named_values(DECLARED[key].type)):
        return [word for value in values if (word := f"{key}={value}").startswith(prefix)]
    for before in (typed, []):
        with contextlib.suppress(GatekitError):
            words = overrides(before)
            with opened(plugin_files(words)) as hydra:
                completer = DefaultCompletionPlugin(hydra.config_loader)
                names = completer._query(PRIMARY, " ".join([*words, prefix or " "]))
                return [name for name in names if not name.startswith(("hydra", "+"))]
    return []


def _explained(error: BaseException) -> str:
    """Return the messages of an error and its causes."""
    messages = [str(error).strip()]
    cause = error.__cause__
    while cause is not None:
        if str(cause).strip() not in messages:
            messages.append(str(cause).strip())
        cause = cause.__cause__
    return "\n".join(message for message in messages if message)
