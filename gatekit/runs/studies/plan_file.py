"""Record which runs commands asked for, one file per set; find older runs that new ones outdate."""

from __future__ import annotations

import contextlib
import json
import re
import shlex
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError
from gatekit.runs import durable
from gatekit.runs.config import refuse_unusual
from gatekit.runs.names import canonical_json, is_id, plan_name
from gatekit.runs.result import SCHEMA

_KEY = re.compile(r"[A-Za-z_][A-Za-z0-9_]*([./][A-Za-z0-9_-]+)*")
_EXECUTED = ("plugins", "hydra")


@dataclass(frozen=True)
class RequestedRun:
    """A run that a command asked for.

    Attributes:
        words: what to type after ``gatekit train`` to train this run alone.
        origin: a fingerprint that ignores the sources of plugins and the data.
        config: what the run's config.yaml will contain; None if an earlier gatekit planned the run.
        plan: how many files are older than the first one that asked for the run.
    """

    id: str
    label: str
    words: tuple[str, ...]
    origin: str
    config: Mapping[str, Any] | None = None
    plan: int = 0

    @property
    def variant(self) -> str:
        """Return the label without the seed."""
        return variant_of(self.label)

    @property
    def executes_files(self) -> bool:
        """Whether composing the words could execute a file that they name.

        Somebody else may have written the study's folder. Your own ``./plugins`` and
        ``./conf`` are used without being named in words.
        """
        words = [word.lstrip("+~") for word in self.words if word != "hydra.mode=RUN"]
        keys = [word.partition("=")[0].partition("@")[0] for word in words]
        return any(not _KEY.fullmatch(key) or re.split("[./]", key)[0] in _EXECUTED for key in keys)


def variant_of(label: str) -> str:
    """Return the label of a run without its seed, which comes last."""
    return label.rpartition("seed=")[0].strip()


def write(study: Path, name: str, command: str, runs: Iterable[RequestedRun]) -> None:
    """Record the runs that a command asks for, unless the same set is already recorded.

    Args:
        study: the study's folder.
        name: identifies this set of runs.
        command: the command that was typed.
        runs: the runs.
    """
    path = study / plan_name(name)
    if path.exists() and durable.read_object(path).get("configs"):
        return
    # Runs share most of their configuration, so each distinct value of a key is stored once.
    parts: dict[str, int] = {}
    configs: dict[tuple[int, ...], int] = {}
    entries = []
    for run in runs:
        entry: dict[str, object] = {"id": run.id, "label": run.label}
        entry |= {"words": list(run.words), "origin": run.origin}
        if run.config is not None:
            pairs = [canonical_json([k, v]) for k, v in run.config.items() if k != "seed"]
            numbers = tuple(parts.setdefault(pair, len(parts)) for pair in pairs)
            entry |= {"config": configs.setdefault(numbers, len(configs))}
            entry |= {"seed": run.config.get("seed")}
        entries.append(entry)
    record = {
        "schema": SCHEMA,
        "command": command,
        "runs": entries,
        "configs": [list(numbers) for numbers in configs],
        "parts": [json.loads(part) for part in parts],
    }
    # A damaged file is replaced.
    put = durable.write if path.exists() else durable.create
    put(path, json.dumps(record, indent=1) + "\n")


def refuse_older(study: Path) -> None:
    """Refuse to continue a study of an earlier format, because equal runs could differ.

    Raises:
        RunError: a file of the study has an earlier format.
    """
    for path in _paths(study):
        schema = durable.read_object(path).get("schema")
        if type(schema) is int and 1 <= schema < SCHEMA:  # any other number is damage
            raise RunError(
                f"{path} has format {schema}, and this gatekit writes format {SCHEMA}: the study "
                f"can be compared, but not continued; type study={study.name}_2 for a new one."
            )


def commands(study: Path) -> list[str]:
    """Return the commands that asked for the runs of a study, in the order of their files."""
    typed = [durable.read_object(path).get("command") for path in _paths(study)]
    return list(dict.fromkeys(c for c in typed if c and isinstance(c, str)))


def training(study: Path, *changes: str) -> str:
    """Return the first `gatekit train` command of a study, or an empty string.

    Args:
        study: the study's folder.
        changes: ``KEY=VALUE`` words that replace those of the command.
    """
    command = next((c for c in commands(study) if c.startswith("gatekit train ")), "")
    if not command or not changes:
        return command
    keys = {change.partition("=")[0] for change in changes}
    words = [word for word in shlex.split(command) if word.partition("=")[0] not in keys]
    return shlex.join([*words, *changes])


def read(study: Path) -> dict[str, RequestedRun]:
    """Return the runs that commands have asked for in a study, by id; a damaged file is ignored."""
    requested: dict[str, RequestedRun] = {}
    for number, path in enumerate(sorted(_paths(study), key=_written)):
        for id, run in _requested(durable.read_object(path)).items():
            first = requested[id].plan if id in requested else number
            requested[id] = replace(run, plan=first)
    return requested


def _requested(data: Mapping[str, Any]) -> dict[str, RequestedRun]:
    requested: dict[str, RequestedRun] = {}
    schema = data.get("schema")
    entries = data.get("runs") if isinstance(schema, int) and schema <= SCHEMA else None
    configs = _configs(data)
    for entry in entries if isinstance(entries, list) else []:
        with contextlib.suppress(KeyError, TypeError):
            words = tuple(str(word) for word in entry["words"])
            config = configs.get(entry.get("config"))
            if config is not None and isinstance(entry.get("seed"), int):
                config = {**config, "seed": entry["seed"]}
            texts = str(entry["id"]), str(entry["label"])
            run = RequestedRun(*texts, words, str(entry["origin"]), config)
            # An id is used as the name of a folder.
            if is_id(run.id):
                requested[run.id] = run
    return requested


def _configs(data: Mapping[str, Any]) -> dict[object, Mapping[str, Any]]:
    """Return the readable configurations of a plan, by their number."""
    configs: dict[object, Mapping[str, Any]] = {}
    with contextlib.suppress(KeyError, TypeError, ValueError, IndexError):
        for number, places in enumerate(data["configs"]):
            pairs = [data["parts"][place] for place in places]
            config = {str(key): value for key, value in pairs}
            refuse_unusual(config)
            configs[number] = config
    return configs


def not_started(
    requested: Mapping[str, RequestedRun], started: Collection[str], stale: Collection[str]
) -> list[RequestedRun]:
    """Return the requested runs that have no folder, without those that others have outdated.

    Args:
        requested: the runs that commands have asked for, from `read`.
        started: the ids of the runs that have a folder.
        stale: the ids of those that are stale.
    """
    current = {requested[id].origin for id in started if id in requested and id not in stale}
    waiting = []
    for run in requested.values():
        if run.id in started or (run.origin and run.origin in current):
            continue
        current.add(run.origin)
        waiting.append(run)
    return waiting


def alone(words: Sequence[str], again: bool = False) -> str:
    """Return the command that trains one run; with ``again``, even if the run has failed.

    Args:
        words: `RequestedRun.words`.
        again: whether to repeat a failed run, too.
    """
    return _again(shlex.join(["gatekit", "train", *words]), again)


def repeating(study: Path, ids: Iterable[str], again: bool = False) -> list[str]:
    """Return a short list of `gatekit train` commands that together train some runs.

    Commands that were typed are preferred. If none of them asked for a run, as after `gatekit
    extend`, a command trains this run alone. Runs that no file records are left out.

    Args:
        study: the study's folder.
        ids: the ids of the runs.
        again: whether to repeat failed runs, too.
    """
    files = [durable.read_object(path) for path in _paths(study)]
    sets = [(str(data.get("command") or ""), _requested(data)) for data in files]
    typed = [pair for pair in sets if pair[0].startswith("gatekit train ")]
    missing, found = dict.fromkeys(ids), list[str]()
    while missing:
        # The command for the most runs that are missing, and for the fewest others.
        covers = [(len(missing.keys() & r.keys()), -len(r), command, r) for command, r in typed]
        most, _, command, runs = max(covers, key=lambda c: c[:2], default=(0, 0, "", {}))
        if not most:
            break
        found.append(_again(command, again))
        missing = dict.fromkeys(id for id in missing if id not in runs)
    known = {id: run for _, runs in sets for id, run in runs.items()}
    return found + [
        alone(known[id].words, again) for id in missing if id in known and known[id].words
    ]


def _again(command: str, again: bool) -> str:
    if not again or "retry=failed" in command.split():
        return command
    return f"{command} retry=failed"


def _written(path: Path) -> int:
    try:
        return path.stat().st_mtime_ns
    except OSError:
        return 0


def _paths(study: Path) -> list[Path]:
    return sorted(study.glob(plan_name("*")))


def outdated(id: str, origin: str, known: Iterable[RequestedRun]) -> list[str]:
    """Return the ids of runs with the same configuration, but with other plugins or data."""
    return [k.id for k in known if k.origin == origin != "" and k.id != id]
