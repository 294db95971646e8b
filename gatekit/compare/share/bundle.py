"""Write a study to one file to share: run folders, plugin sources, own cells, commands."""

from __future__ import annotations

import hashlib
import io
import json
import shlex
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import RunError
from gatekit.compare.numbers import count_of
from gatekit.compare.recipe import constraints, data_sets, environment
from gatekit.compare.scrub import line_with_location, scrub, without_paths
from gatekit.compare.study import Study
from gatekit.registry.discovery import named_only
from gatekit.runs import durable
from gatekit.runs.config import ConfigReader
from gatekit.runs.config import dumped as dumped_config
from gatekit.runs.names import (
    CONFIG,
    ENVIRONMENT,
    LOOKS,
    METRICS,
    PLUGINS,
    PROBE,
    RESULT,
    RUNS,
    STATUS,
    WEIGHTS,
)
from gatekit.runs.probe import whole_lines
from gatekit.runs.record import RunRecord, read_bytes
from gatekit.runs.result import HASHED, dumped, parsed
from gatekit.runs.state import RunReader
from gatekit.runs.studies import plan_file

from .own_files import plugin_copies, plugin_sources, setting_files
from .unbundle import MANIFEST, MOST_BYTES, MOST_FILES, SCHEMA, most_bytes

_READ = "# A plugin is a program that runs with your permissions: read each file first."


def write_bundle(study: Study, path: Path, weights: bool = False) -> list[str]:
    """Write a study's own runs into a zip file; the same study gives the same bytes.

    The file contains no paths, host names or user names: settings that are paths are cut to their
    last part, other strings are scrubbed, and logs and claims are left out.

    Args:
        study: the result of ``load``.
        path: the file to write.
        weights: whether to include the best weights.

    Returns:
        Notes, for example on runs without an outcome.

    Raises:
        RunError: the study has no runs, or a plugin's source contains names of this machine.
    """
    runs = [run for run in study.runs if run.origin is None]
    if not runs:
        raise RunError(f"study {study.name} has no runs of its own to share")
    runs += [run for run in study.planned if run.config is not None]
    entries: dict[str, bytes] = {}
    notes: list[str] = []
    for run in runs:
        entries |= _run_files(run, weights, notes)
    own, left = setting_files(plan_file.read(study.path), runs)
    notes += left
    entries |= {**plugin_sources(study.path, runs), **own}
    if study.interim is not None:
        entries[LOOKS] = (study.path / LOOKS).read_bytes()
    environments = [environment(run) for run in runs]
    entries["constraints.txt"] = "".join(f"{line}\n" for line in constraints(environments)).encode()
    entries["REPRODUCE.md"] = _reproduce(study, runs, environments, path.name, sorted(own))
    _refuse_places(entries)
    manifest = {
        "schema": SCHEMA,
        "study": study.name,
        "files": {name: hashlib.sha256(entries[name]).hexdigest() for name in sorted(entries)},
    }
    entries[MANIFEST] = _dumped(manifest)
    _refuse_large(entries)
    _write_zip(path, entries)
    missing = Counter(run.state for run in runs if not run.counts)
    states = sorted(missing.items())
    return notes + [f"in the bundle without an outcome: {n} {state}" for state, n in states]


def _run_files(run: RunRecord, weights: bool, notes: list[str]) -> dict[str, bytes]:
    place, folder = f"{RUNS}/{run.id}", RunReader(run.path)
    entries: dict[str, bytes] = {}
    status = {"state": run.state, "attempt": 0, "reason": scrub(run.reason or "") or None}
    entries[f"{place}/{STATUS}"] = _dumped(status)
    # Files of a damaged run may contain anything, so only its configuration is included.
    if run.config is not None:
        entries[f"{place}/{CONFIG}"] = _config(run)
    if run.state == "CORRUPT":
        return entries
    record = {} if run.result is None else parsed(durable.read(run.path / RESULT))
    names = (ENVIRONMENT, METRICS, *([WEIGHTS] if weights else []))
    left = {n for n in names if n in record.get("files", ()) and folder.differs(record, n)}
    notes += [f"{n} of run {run.id} is missing or damaged and was left out" for n in sorted(left)]
    for name in names[1:]:
        if name not in left and (data := read_bytes(run.path / name)) is not None:
            entries[f"{place}/{name}"] = data
    looks, _ = whole_lines(read_bytes(run.path / PROBE) or b"")
    if looks:
        entries[f"{place}/{PROBE}"] = b"".join(looks[k] + b"\n" for k in sorted(looks))
    made_with = environment(run)
    if made_with and ENVIRONMENT not in left:
        entries[f"{place}/{ENVIRONMENT}"] = _dumped(_scrubbed(without_paths(made_with)))
    if record:
        record = _scrubbed(record)
        included = {name: f"{place}/{name}" for name in HASHED if f"{place}/{name}" in entries}
        record["files"] = {n: hashlib.sha256(entries[e]).hexdigest() for n, e in included.items()}
        record["sizes"] = {name: len(entries[entry]) for name, entry in included.items()}
        entries[f"{place}/{RESULT}"] = dumped(record)
    return entries


def _config(run: RunRecord) -> bytes:
    # A run that has not started has no file yet.
    data = read_bytes(run.path / CONFIG)
    config = dict(ConfigReader().read(data) if data is not None else run.config or {})
    clean = without_paths(config)
    if isinstance(clean.get("plugins"), list):
        clean["plugins"] = [str(p).replace("\\", "/").split("/")[-1] for p in clean["plugins"]]
    if data is not None and clean == config:
        return data
    return dumped_config(clean).encode()


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _scrubbed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    return scrub(value) if isinstance(value, str) else value


@named_only()
def _reproduce(
    study: Study,
    runs: Sequence[RunRecord],
    environments: Sequence[Mapping[str, Any]],
    name: str,
    own: Sequence[str],
) -> bytes:
    """Return what to type to compare the runs and to repeat them."""
    states = Counter(run.state for run in runs)
    recorded = [e["versions"] for e in environments if isinstance(e.get("versions"), dict)]
    versions = sorted({str(v["gatekit"]) for v in recorded if v.get("gatekit")})
    typed = [scrub(command) for command in plan_file.commands(study.path)]
    folder = Path(name).stem
    plugins = plugin_copies(study.path, runs, folder)
    plugins = [_READ, f"mkdir -p {PLUGINS}", *plugins] if plugins else []
    lines = [
        f"# Study {study.name}",
        "",
        f"{count_of(len(runs), 'run')}: "
        + ", ".join(f"{n} {state}" for state, n in sorted(states.items())),
        "env.json in the folder of a run has its versions, machine and commit.",
        "",
        "## Compare the runs with your own",
        "```console",
        f"gatekit import {shlex.quote(name)}",
        f"gatekit compare {study.name}",
        "```",
        "",
        "## Install",
        f"The runs were made with gatekit {', '.join(versions) or 'of an unknown version'}.",
        "Install it from its source: on an index the name may be that of another project.",
        "```console",
        f"python -m zipfile -e {shlex.quote(name)} {shlex.quote(folder)}",
        f"pip install -c {shlex.quote(f'{folder}/constraints.txt')} PATH/TO/gatekit",
        "```",
        "",
        "## Data",
        *(f"- {e['task']}: `{e['data_hash']}`; {e['command']}" for e in data_sets(runs)),
        "",
        "## Repeat the study",
        "```console",
        *plugins,
        *(f"mkdir -p {parent}" for parent in sorted({str(Path(file).parent) for file in own})),
        *(f"cp {shlex.quote(f'{folder}/{file}')} {file}" for file in own),
        *(typed or [f"gatekit train study={study.name} ...   # no command was recorded"]),
        "```",
    ]
    return ("\n".join(lines) + "\n").encode()


def _refuse_places(entries: Mapping[str, bytes]) -> None:
    for name, data in entries.items():
        if name.endswith(".npz"):
            continue
        line = line_with_location(data.decode("utf-8", "replace"))
        if line is not None:
            raise RunError(
                f"{name}, line {line}, contains a name of this machine (its host, home or working"
                " folder); remove it from the source, repeat the runs, then bundle again"
            )


def _refuse_large(entries: Mapping[str, bytes]) -> None:
    """Refuse files that `gatekit import` would reject."""
    for name, data in entries.items():
        most = most_bytes(name)
        if most is not None and len(data) > most:
            raise RunError(
                f"{name} has {len(data):,} bytes; a bundle allows at most {most:,}. Split the study"
            )
    if len(entries) >= MOST_FILES:
        raise RunError(f"a bundle has at most {MOST_FILES:,} files; split the study")
    if sum(map(len, entries.values())) > MOST_BYTES:
        raise RunError(
            f"a bundle has at most {MOST_BYTES / 2**30:g} GiB; omit --weights, or split the study"
        )


def _dumped(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _write_zip(path: Path, entries: Mapping[str, bytes]) -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(entries):
            # A fixed date, so that the same study gives the same file.
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            # Trained weights shrink by a few percent only.
            how = zipfile.ZIP_STORED if name.endswith(".npz") else zipfile.ZIP_DEFLATED
            archive.writestr(info, entries[name], how)
    try:
        durable.target(path)
        durable.folder(path.absolute().parent)
        durable.write(path.absolute(), buffer.getvalue())
    except OSError as error:
        raise RunError(
            f"{path} cannot be written ({error.strerror}); choose another --output"
        ) from None
