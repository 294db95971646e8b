"""A study as one file to share: numbers, settings, sources, and how to make them again."""

from __future__ import annotations

import hashlib
import json
import shlex
import tempfile
import zipfile
from collections import Counter
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import yaml

from gatekit.cell.errors import GatekitError, RunError
from gatekit.compare.recipe import constraints, data_sets, environment, recorded_commands
from gatekit.compare.scrub import line_with_location, scrub, without_paths
from gatekit.compare.study import Study
from gatekit.runs import durable
from gatekit.runs.config import ConfigReader
from gatekit.runs.folder import RunFolder
from gatekit.runs.probe import lines as probe_lines
from gatekit.runs.record import Run, read_bytes
from gatekit.runs.result import HASHED, dumped, parsed

from .entries import MANIFEST, MOST_BYTES, SCHEMA, most_bytes

_KEPT = ("config.yaml", "env.json", "metrics.jsonl")


def write_bundle(study: Study, path: Path, weights: bool = False) -> list[str]:
    """Write a study's own runs into a zip file; the same study gives the same bytes.

    It holds no path, host or user: settings that are paths keep their last part, texts are
    scrubbed, logs and claims stay here.

    Args:
        study: what ``load`` returned.
        path: the file to write.
        weights: whether the best weights go along.

    Returns:
        What must be said: runs without an outcome among them.

    Raises:
        RunError: the study has no runs, or a plugin's source tells this machine.
    """
    runs = [run for run in study.runs if run.origin is None]
    if not runs:
        raise RunError(f"study {study.name} has no runs of its own to share")
    entries: dict[str, bytes] = {}
    said: list[str] = []
    for run in runs:
        entries |= _run_files(run, weights, said)
    entries |= _sources(study, runs)
    environments = [environment(run) for run in runs]
    data = data_sets(runs)
    entries["data.json"] = _dumped(data)
    entries["constraints.txt"] = "".join(f"{line}\n" for line in constraints(environments)).encode()
    entries["REPRODUCE.md"] = _reproduce(study, runs, environments, data, path.name)
    said += _add_report(
        entries, study.name, [scrub(command) for command in recorded_commands(study)]
    )
    _refuse_places(entries)
    manifest = {
        "schema": SCHEMA,
        "study": study.name,
        "files": {name: hashlib.sha256(entries[name]).hexdigest() for name in sorted(entries)},
    }
    entries[MANIFEST] = _dumped(manifest)
    _refuse_large(entries)
    _write(path, entries)
    missing = Counter(run.state for run in runs if not run.counts)
    return [
        *said,
        *(
            f"{count} runs are {state}, and go along without an outcome"
            for state, count in sorted(missing.items())
        ),
    ]


def _add_report(entries: dict[str, bytes], study: str, commands: Sequence[str]) -> list[str]:
    """Add the report, made of what goes along and nothing else; say so where there is none."""
    from gatekit.compare.comparison import compare
    from gatekit.compare.report.context import Sheet
    from gatekit.compare.report.page import page

    with tempfile.TemporaryDirectory() as folder:
        for name, data in entries.items():
            if not name.endswith(".npz"):
                target = Path(folder, study, name)
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
        try:
            sheet = Sheet(
                compare(study, folder), shlex.join(["gatekit", "compare", study]), commands
            )
            entries["report.html"] = page(sheet).encode()
        except GatekitError as error:
            return [f"no report goes along: {scrub(str(error))}"]
    return []


def _run_files(run: Run, weights: bool, said: list[str]) -> dict[str, bytes]:
    place, folder = f"runs/{run.id}", RunFolder(run.path)
    found: dict[str, bytes] = {}
    status = {"state": run.state, "attempt": 0, "reason": scrub(run.reason or "") or None}
    found[f"{place}/status.json"] = _dumped(status)
    # A damaged file may hold anything: of such a run only what can be read goes along.
    if run.config is not None:
        found[f"{place}/config.yaml"] = _config(run)
    if run.state == "CORRUPT":
        return found
    record = {} if run.result is None else parsed(durable.read(run.path / "result.json"))
    wanted = ("env.json", "metrics.jsonl", *(["weights.npz"] if weights else []))
    left = {n for n in wanted if n in record.get("files", ()) and folder.differs(record, n)}
    said += [f"{n} of run {run.id} is missing or damaged, and is left out" for n in sorted(left)]
    for name in wanted[1:]:
        if name not in left and (data := read_bytes(run.path / name)) is not None:
            found[f"{place}/{name}"] = data
    looks, _ = probe_lines.whole(read_bytes(run.path / "probe.jsonl") or b"")
    if looks:
        found[f"{place}/probe.jsonl"] = b"".join(looks[k] + b"\n" for k in sorted(looks))
    made_with = environment(run)
    if made_with and "env.json" not in left:
        found[f"{place}/env.json"] = _dumped(_scrubbed(without_paths(made_with)))
    if record:
        record = _scrubbed(record)
        kept = {name: f"{place}/{name}" for name in HASHED if f"{place}/{name}" in found}
        record["files"] = {n: hashlib.sha256(found[e]).hexdigest() for n, e in kept.items()}
        record["sizes"] = {name: len(found[entry]) for name, entry in kept.items()}
        found[f"{place}/result.json"] = dumped(record)
    return found


def _config(run: Run) -> bytes:
    data = durable.read(run.path / "config.yaml")
    config = dict(ConfigReader().read(data))
    clean = without_paths(config)
    if isinstance(clean.get("plugins"), list):
        clean["plugins"] = [str(p).replace("\\", "/").split("/")[-1] for p in clean["plugins"]]
    if clean == config:
        return data
    return yaml.safe_dump(clean, sort_keys=False, allow_unicode=True, width=100).encode()


def _scrubbed(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _scrubbed(item) for key, item in value.items()}
    if isinstance(value, list):
        return [_scrubbed(item) for item in value]
    return scrub(value) if isinstance(value, str) else value


def _sources(study: Study, runs: Sequence[Run]) -> dict[str, bytes]:
    digests = {d for run in runs if run.result for d in run.result.plugins.values()}
    found = {}
    for digest in sorted(d.removeprefix("sha256").lstrip(".:") for d in digests):
        path = study.path / "plugins" / f"{digest}.py"
        source = read_bytes(path)
        if source is not None:
            found[f"plugins/{digest}.py"] = source
    return found


def _reproduce(
    study: Study,
    runs: Sequence[Run],
    environments: Sequence[Mapping[str, Any]],
    data: Sequence[Mapping[str, str]],
    name: str,
) -> bytes:
    counted = Counter(run.state for run in runs)
    machines = {(e.get("cpu"), *(e.get("gpu") or ())) for e in environments if e.get("cpu")}
    pythons = sorted({str(e["python"]) for e in environments if e.get("python")})
    typed = [scrub(command) for command in recorded_commands(study)]
    wanted = sorted({entry["command"] for entry in data if entry["command"].startswith("gatekit")})
    lines = [
        f"# Study {study.name}",
        "",
        f"{len(runs)} runs: " + ", ".join(f"{n} {state}" for state, n in sorted(counted.items())),
        f"Python {', '.join(pythons) or 'unknown'}; made on "
        + ("; ".join(sorted(scrub(" with ".join(map(str, m))) for m in machines)) or "unknown"),
        "",
        "## Look at the numbers",
        "`report.html` in this file opens in any browser. To compare them with one's own:",
        "```console",
        f"gatekit import {name}",
        f"gatekit compare {study.name}",
        "```",
        "",
        "## Make one run again, and see whether it repeats",
        "```console",
        "pip install -c constraints.txt gatekit   # constraints.txt is in this file",
        *wanted,
        f"gatekit rerun {name} --one",
        "```",
        "Sources of plugins lie under `plugins/`, named by their hash. Read one before you copy it",
        "into `./plugins`: a plugin is a program.",
        "",
        "## Make the study again",
        "```console",
        *(typed or [f"gatekit train study={study.name} ...   # no command was recorded"]),
        "```",
        "",
        "## Data",
        *(f"- {e['task']}: `{e['data_hash']}`; {e['command']}" for e in data),
    ]
    return ("\n".join(lines) + "\n").encode()


def _refuse_places(entries: Mapping[str, bytes]) -> None:
    for name, data in entries.items():
        if name.endswith(".npz"):
            continue
        line = line_with_location(data.decode("utf-8", "replace"))
        if line is not None:
            raise RunError(
                f"{name}, line {line}, tells this machine (a host, a home or working folder);"
                " take it out of the source, make the runs again, and bundle then"
            )


def _refuse_large(entries: Mapping[str, bytes]) -> None:
    """Refuse to write what `gatekit import` would refuse to read."""
    for name, data in entries.items():
        most = most_bytes(name)
        if most is not None and len(data) > most:
            raise RunError(
                f"{name} has {len(data):,} bytes; a bundle takes at most {most:,}. Split the study"
            )
    if sum(map(len, entries.values())) > MOST_BYTES:
        raise RunError(
            f"a bundle takes at most {MOST_BYTES / 2**30:g} GiB; leave out --weights, or split the"
            " study"
        )


def _dumped(value: Any) -> bytes:
    return (json.dumps(value, indent=1, sort_keys=True, ensure_ascii=False) + "\n").encode()


def _write(path: Path, entries: Mapping[str, bytes]) -> None:
    import io

    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in sorted(entries):
            # A fixed date: the same study is the same file.
            info = zipfile.ZipInfo(name, (1980, 1, 1, 0, 0, 0))
            # Zeros among weights would deflate beyond the ratio that an import accepts.
            how = zipfile.ZIP_STORED if name.endswith(".npz") else zipfile.ZIP_DEFLATED
            archive.writestr(info, entries[name], how)
    try:
        durable.target(path)
        durable.folder(path.absolute().parent)
        durable.write(path.absolute(), buffer.getvalue())
    except OSError as error:
        raise RunError(
            f"{path} cannot be written ({error.strerror}); give another --output"
        ) from None
