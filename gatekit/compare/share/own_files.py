"""The user's own files that a study needs: plugin sources, and the files in ``./conf``."""

from __future__ import annotations

import shlex
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.compare.scrub import line_with_location, scrub
from gatekit.registry.cells import is_bundled
from gatekit.registry.hashes import file_hash
from gatekit.registry.loading import complete_registry
from gatekit.registry.safe_yaml import content, read_yaml
from gatekit.runs.names import PLUGINS
from gatekit.runs.record import RunRecord, read_bytes
from gatekit.runs.studies.plan_file import RequestedRun

from .unbundle import most_bytes


def plugin_sources(study: Path, runs: Sequence[RunRecord]) -> dict[str, bytes]:
    """Return the stored sources of the plugins that runs used, by their place in a bundle."""
    digests = {_digest(d) for run in runs if run.result for d in run.result.plugins.values()}
    sources = {f"{PLUGINS}/{d}.py": read_bytes(study / PLUGINS / f"{d}.py") for d in digests}
    return {name: data for name, data in sources.items() if data is not None}


def plugin_copies(study: Path, runs: Sequence[RunRecord], folder: str) -> list[str]:
    """Return what to type to copy each plugin of the user, in the version that most runs used.

    There is no command for gatekit's own plugins, or for plugins of several files or of a package.

    Args:
        study: the study's folder.
        runs: its runs.
        folder: the folder into which the bundle was unpacked.
    """
    seen: dict[str, Counter[str]] = {}
    for run in runs:
        for name, digest in run.result.plugins.items() if run.result else ():
            seen.setdefault(name, Counter())[_digest(digest)] += 1
    own = {n for n, p in complete_registry().plugins.items() if p.discovered.bundled}
    typed = []
    for name, counts in sorted(seen.items()):
        digest = counts.most_common(1)[0][0]
        path = study / PLUGINS / f"{digest}.py"
        one_file = path.is_file() and file_hash(path, f"{name}.py") == digest
        if one_file and name.isidentifier() and name not in own:
            source = shlex.quote(f"{folder}/{PLUGINS}/{digest}.py")
            typed.append(f"cp {source} {PLUGINS}/{name}.py")
    return typed


def _digest(digest: str) -> str:
    return digest.removeprefix("sha256").lstrip(".:")


def setting_files(
    requested: Mapping[str, RequestedRun], runs: Sequence[RunRecord]
) -> tuple[dict[str, bytes], list[str]]:
    """Return the files in ``./conf`` that a study's commands read, and notes on those left out.

    A run holds the values, but not the files that they come from. A file is therefore read from the
    working folder, if the command of a run still gives this run.

    Args:
        requested: the runs that commands asked for, by id.
        runs: the runs of the study.
    """
    folder = Path.cwd() / "conf"
    if not folder.is_dir() or is_bundled(folder):
        return {}, []
    ids = {run.id for run in runs}
    # Runs of the same choices read the same files.
    named: dict[tuple[str, ...], RequestedRun] = {}
    for asked in requested.values():
        if asked.id in ids:
            named.setdefault(tuple(sorted(_choices(asked.words))), asked)
    files: dict[str, bytes] = {}
    left: dict[str, str] = {}
    for _, asked in sorted(named.items()):
        try:
            found = _own_files(asked, folder)
        except (GatekitError, OSError, ValueError):
            why = "names plugins" if asked.executes_files else "no longer gives this run"
            left[f"what run {asked.id} reads in ./conf"] = f"its command {why}"
            continue
        for name, path in found.items():
            data = content(path, folder)
            text = data.decode("utf-8", "replace")
            if scrub(text) != text or line_with_location(text) is not None:
                left[name] = "it contains a path or a name of this machine"
            else:
                files[name] = data
    notes = [
        f"{name} is not in the bundle, because {why}; share it separately"
        for name, why in sorted(left.items())
    ]
    return files, notes


def _choices(words: Sequence[str]) -> Iterator[str]:
    """Yield the words that choose a file."""
    from gatekit.study.keys import GROUPS

    bare = (word.lstrip("+") for word in words)
    return (word for word in bare if word.partition("=")[0] in (*GROUPS, "mixers"))


def _own_files(asked: RequestedRun, folder: Path) -> dict[str, Path]:
    """Return the user's files that a run's command reads.

    Raises:
        ConfigError: the command could execute a file, or gives another run now.
    """
    from omegaconf import OmegaConf

    from gatekit.study.command import compose
    from gatekit.study.keys import GROUPS
    from gatekit.study.plan import plan

    if asked.executes_files:  # the study may be a stranger's
        raise ConfigError("the command names plugins")
    jobs = compose(asked.words)
    chosen = OmegaConf.select(jobs[0][1], "hydra.runtime.choices")
    choices: Any = OmegaConf.to_container(chosen) if chosen else {}
    (again,) = plan(jobs).runs
    if again.origin != asked.origin:
        raise ConfigError("the command gives another run")
    found: dict[str, Path] = {}
    for group in GROUPS:
        choice = choices.get(group)
        for each in choice if isinstance(choice, list) else [choice]:
            _add(found, folder, group, each)
    for cell in again.config.get("mixers") or ():
        _add(found, folder, "cell", cell.get("name"))
    return found


def _add(found: dict[str, Path], folder: Path, group: str, choice: object) -> None:
    """Add the file of a choice, and the files of the same group in its ``defaults``."""
    name, path = f"conf/{group}/{choice}.yaml", folder / group / f"{choice}.yaml"
    if name in found or most_bytes(name) is None or not path.is_file():
        return
    found[name] = path
    for entry in read_yaml(path, folder).get("defaults") or ():
        if isinstance(entry, str):
            _add(found, folder, group, entry)
