"""Read a bundle: every file checked, nothing executed, beside one's own runs as another origin."""

from __future__ import annotations

import hashlib
import json
import os
import re
import shutil
import tempfile
import zipfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from gatekit.cell.errors import ConfigError, RunError
from gatekit.compare.bundle import SCHEMA
from gatekit.compare.loader import IMPORTED
from gatekit.study.config import study_name

_ENTRY = re.compile(
    r"runs/[0-9a-f]{16}/(config\.yaml|env\.json|status\.json|result\.json|metrics\.jsonl"
    r"|probe\.jsonl|weights\.npz)"
    r"|plugins/[0-9a-f]{64}\.py|data\.json|constraints\.txt|REPRODUCE\.md|report\.html"
)
_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_MOST_BYTES = 4 * 2**30


@dataclass(frozen=True, slots=True)
class Bundle:
    """What a bundle holds: the study's name, and every file with its hash."""

    study: str
    files: Mapping[str, str]


def read_manifest(path: Path) -> Bundle:
    """Return what a bundle says that it holds.

    Raises:
        RunError: the file is no bundle, is damaged, or a newer gatekit wrote it.
    """
    try:
        with zipfile.ZipFile(path) as archive:
            return _manifest(archive, path)
    except (OSError, zipfile.BadZipFile) as error:
        raise RunError(
            f"{path} is no bundle ({error}); `gatekit bundle STUDY` writes one"
        ) from None


def extract(path: Path, folder: Path) -> Bundle:
    """Write the files of a bundle into a folder, each checked against its hash.

    Args:
        path: the bundle.
        folder: an empty folder.

    Raises:
        RunError: the file is no bundle, or holds what no bundle holds.
    """
    bundle = read_manifest(path)
    try:
        with zipfile.ZipFile(path) as archive:
            for name, digest in bundle.files.items():
                data = archive.read(name)
                if hashlib.sha256(data).hexdigest() != digest:
                    raise RunError(f"{path} is damaged: {name} is not the file that was bundled")
                target = folder / name
                target.parent.mkdir(parents=True, exist_ok=True)
                target.write_bytes(data)
            (folder / "bundle.json").write_bytes(archive.read("bundle.json"))
    except (zipfile.BadZipFile, NotImplementedError, EOFError) as error:
        raise RunError(f"{path} is damaged: {error}") from None
    except OSError as error:
        raise RunError(f"{path} cannot be read or unpacked: {error}") from None
    return bundle


def import_bundle(path: Path, root: Path | str = "experiments", origin: str | None = None) -> Path:
    """Put the runs of a bundle beside one's own, as another origin.

    Args:
        path: the bundle.
        root: where studies lie.
        origin: what to call it; None takes the file's name.

    Returns:
        The folder of the imported runs.

    Raises:
        RunError: the file is no bundle.
        ConfigError: the origin is no name, or another bundle was imported under it.
    """
    name = path.stem if origin is None else origin
    if not _ORIGIN.fullmatch(name):
        raise ConfigError(f"origin {name!r} is no name of letters, digits, . _ -; type --as NAME")
    bundle = read_manifest(path)
    study = Path(root) / bundle.study
    target = study / IMPORTED / name
    if target.exists():
        if _same(target, bundle):
            return target
        raise ConfigError(
            f"{target} holds another bundle; type --as NAME with a new name, or remove that folder"
        )
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        made = Path(tempfile.mkdtemp(prefix=".import-", dir=study))
    except OSError as error:
        raise RunError(f"{study} cannot be written: {error.strerror or error}") from None
    try:
        extract(path, made)
        os.replace(made, target)
    finally:
        shutil.rmtree(made, ignore_errors=True)
    return target


def _manifest(archive: zipfile.ZipFile, path: Path) -> Bundle:
    infos = archive.infolist()
    names = [info.filename for info in infos]
    if "bundle.json" not in names:
        raise RunError(f"{path} is no bundle: it has no bundle.json")
    if sum(info.file_size for info in infos) > _MOST_BYTES:
        raise RunError(f"{path} unpacks to more than any bundle: {_MOST_BYTES / 2**30:g} GiB")
    try:
        record = json.loads(archive.read("bundle.json"))
        schema, study, files = record["schema"], record["study"], dict(record["files"])
        sound = isinstance(schema, int) and all(isinstance(f, str) for f in files.values())
    except (ValueError, KeyError, TypeError, RecursionError):
        sound = False
    if not sound:
        raise RunError(f"{path} is damaged: bundle.json cannot be read")
    if schema > SCHEMA:
        raise RunError(
            f"{path} has format {schema}, this gatekit reads up to {SCHEMA};"
            " type `pip install --upgrade gatekit`"
        )
    strange = [n for n in names if n != "bundle.json" and not _ENTRY.fullmatch(n)]
    if strange or sorted(names) != sorted([*files, "bundle.json"]):
        what = strange[0] if strange else "its files are not those that bundle.json lists"
        raise RunError(f"{path} is no bundle of gatekit: {what!r}")
    return Bundle(study_name(str(study)), files)


def _same(target: Path, bundle: Bundle) -> bool:
    try:
        record = json.loads((target / "bundle.json").read_bytes())
    except (OSError, ValueError):
        return False
    return isinstance(record, dict) and record.get("files") == dict(bundle.files)
