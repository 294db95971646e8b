"""Import a bundle beside your own runs, as another origin; check every file, execute none."""

from __future__ import annotations

import contextlib
import hashlib
import json
import re
import secrets
import shutil
import stat
import struct
import time
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from gatekit._version import UPDATE
from gatekit.cell.errors import ConfigError, GatekitError, RunError, nearest
from gatekit.runs import durable as files
from gatekit.runs.names import IMPORTED, study_name

SCHEMA = 1
"""The format of ``bundle.json``."""

MANIFEST = "bundle.json"
MOST_MANIFEST = 16 * 2**20
MOST_BYTES = 4 * 2**30
"""Largest total size of a bundle's files on disk."""

MOST_FILES = 50_000
"""The most files of a bundle, which is enough for 7,000 runs."""

_MIB = 2**20
_GROUPS = "block|cell|change|experiment|optimizer|output_unit|task|trainer"
_MOST = {
    r"runs/[0-9a-f]{16}/(config\.yaml|env\.json|status\.json)": 1 * _MIB,
    r"runs/[0-9a-f]{16}/result\.json": 4 * _MIB,
    r"runs/[0-9a-f]{16}/(metrics|probe)\.jsonl": 128 * _MIB,
    r"runs/[0-9a-f]{16}/weights\.npz": MOST_BYTES,
    r"plugins/[0-9a-f]{64}\.py": 4 * _MIB,
    rf"conf/({_GROUPS})/[A-Za-z0-9_][A-Za-z0-9_.-]{{0,199}}\.yaml": 1 * _MIB,
    r"constraints\.txt|REPRODUCE\.md": 16 * _MIB,
    r"looks\.jsonl": 1 * _MIB,
    r"bundle\.json": MOST_MANIFEST,
}
_BOUNDS = tuple((re.compile(pattern), most) for pattern, most in _MOST.items())
_ORIGIN = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_BLOCK = 2**20
_UNPACKED = ".import-"
_DAY = 24 * 60 * 60.0


@dataclass(frozen=True, slots=True)
class Bundle:
    """The content of a bundle: the study's name, and every file with its hash."""

    study: str
    files: Mapping[str, str]


def most_bytes(name: str) -> int | None:
    """Return the size limit of a file in a bundle; None if a bundle has no such file."""
    return next((most for pattern, most in _BOUNDS if pattern.fullmatch(name)), None)


def import_bundle(path: Path, root: Path | str = "experiments", origin: str | None = None) -> Path:
    """Import all runs of a bundle as another origin, or none of them.

    Args:
        path: the bundle.
        root: the folder of all studies.
        origin: name of the origin; None means the file's name.

    Returns:
        The folder of the imported runs.

    Raises:
        RunError: the file is not a bundle, or the folder cannot be written.
        ConfigError: the origin is not a name, or another bundle was imported under it.
    """
    name = path.stem if origin is None else origin
    if not _ORIGIN.fullmatch(name):
        better = re.sub(r"[^\w.-]+", "_", name).strip("._-") or "NAME"
        raise ConfigError(
            f"origin {name!r} must be a name of letters, digits and . _ -; type --as {better}"
        )
    with _archive(path) as archive:
        return _import(archive, path, _manifest(archive, path), Path(root), name)


def _import(archive: zipfile.ZipFile, path: Path, bundle: Bundle, root: Path, name: str) -> Path:
    study = root / bundle.study
    target = study / IMPORTED / name
    if target.exists():
        if _same(target, bundle):
            return target
        raise ConfigError(
            f"{target} holds another bundle; type --as NAME with a new name, or remove that folder"
        )
    unpacked = study / f"{_UNPACKED}{secrets.token_hex(6)}"
    _sweep(study)
    fresh = [folder for folder in (target.parent, *target.parents[1:]) if not folder.exists()]
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        unpacked.mkdir()
        _extract(archive, path, bundle, unpacked)
        unpacked.rename(target)
    except OSError as error:
        raise RunError(f"{study} cannot be written: {error.strerror or error}") from None
    finally:
        shutil.rmtree(unpacked, ignore_errors=True)
        if not target.exists():
            for folder in fresh:
                with contextlib.suppress(OSError):
                    folder.rmdir()
    return target


def _extract(archive: zipfile.ZipFile, path: Path, bundle: Bundle, folder: Path) -> None:
    """Write the files of a bundle to an empty folder and check each against its hash."""
    for name, digest in bundle.files.items():
        if _copy(archive, name, folder) != digest:
            raise RunError(f"{path} is damaged: {name} is not the file that was bundled")
    _copy(archive, MANIFEST, folder)


@contextlib.contextmanager
def _archive(path: Path) -> Iterator[zipfile.ZipFile]:
    try:
        file = files.opened(path)
    except (OSError, ValueError) as error:
        near = nearest(path.name, [each.name for each in Path().glob("*.zip")])
        why = f"{path} is not a bundle ({error})" if path.exists() else f"there is no file {path}"
        raise RunError(f"{why}{near}; `gatekit bundle STUDY` writes one") from None
    with file:
        try:
            archive = zipfile.ZipFile(file)
        except (OSError, *_DAMAGE) as error:
            file.seek(0)
            cut = file.read(2) == b"PK"
            raise RunError(
                f"{path} is cut off or damaged; copy it again from the original file"
                if cut
                else f"{path} is not a bundle ({error}); `gatekit bundle STUDY` writes one"
            ) from None
        try:
            with archive:
                yield archive
        except GatekitError:
            raise
        except _DAMAGE as error:
            raise RunError(f"{path} is damaged: {error}") from None


# What zipfile raises for damaged archives besides OSError: unknown compression methods, passwords,
# numbers out of range, undecodable names.
_DAMAGE = (
    zipfile.BadZipFile,
    zlib.error,
    struct.error,
    EOFError,
    KeyError,
    NotImplementedError,
    RuntimeError,
    OverflowError,
    ValueError,
)


def _manifest(archive: zipfile.ZipFile, path: Path) -> Bundle:
    infos = archive.infolist()
    fault = _directory_fault(infos)
    if fault:
        raise RunError(f"{path} is not a bundle of gatekit: {fault}")
    names = [info.filename for info in infos]
    if MANIFEST not in names:
        raise RunError(f"{path} is not a bundle: it has no {MANIFEST}")
    with archive.open(MANIFEST) as file:
        record = _record(file.read(MOST_MANIFEST))
    if record is None:
        raise RunError(f"{path} is damaged: {MANIFEST} cannot be read")
    schema, study, listed = record
    if schema > SCHEMA:
        raise RunError(f"{path} has format {schema}, this gatekit reads up to {SCHEMA}; {UPDATE}")
    if sorted(names) != sorted([*listed, MANIFEST]):
        raise RunError(
            f"{path} is not a bundle of gatekit: its files are not those that {MANIFEST} lists"
        )
    return Bundle(study_name(study), listed)


def _record(data: bytes) -> tuple[int, str, dict[str, str]] | None:
    """Return format, study and hashes of a manifest; None if it is not one."""
    try:
        record = json.loads(data)
        schema, study, listed = record["schema"], record["study"], record["files"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return None
    sound = (
        type(schema) is int and schema >= 1 and isinstance(study, str) and isinstance(listed, dict)
    )
    return (schema, study, listed) if sound else None


def _directory_fault(infos: Sequence[zipfile.ZipInfo]) -> str | None:
    """Return the first fault in the zip's list of files; None if there is none."""
    if len(infos) > MOST_FILES:
        return f"it has {len(infos):,} files; at most {MOST_FILES:,} are allowed"
    for info in infos:
        fault = _entry_fault(info)
        if fault:
            return f"{info.filename!r} {fault}"
    if len({info.filename for info in infos}) < len(infos):
        return "two files have the same name"
    if sum(info.file_size for info in infos) > MOST_BYTES:
        return f"it unpacks to more than {MOST_BYTES / 2**30:g} GiB"
    return None


def _entry_fault(info: zipfile.ZipInfo) -> str | None:
    most = most_bytes(info.filename)
    if most is None:
        return "is not a file of a bundle"
    if stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG):
        return "is not a regular file"
    if info.compress_type not in (zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED):
        return f"is compressed by method {info.compress_type}; bundles are deflated or stored"
    if info.file_size > most:
        return f"has {info.file_size:,} bytes; at most {most:,} are allowed"
    return None


def _copy(archive: zipfile.ZipFile, name: str, folder: Path) -> str:
    """Write a file of the archive into a folder and return its SHA-256."""
    digest, target = hashlib.sha256(), folder / name
    target.parent.mkdir(parents=True, exist_ok=True)
    with archive.open(name) as source, open(target, "xb") as file:
        while block := source.read(_BLOCK):
            digest.update(block)
            file.write(block)
    return digest.hexdigest()


def _sweep(study: Path) -> None:
    """Remove the files of killed imports; an import that is running takes less than a day."""
    for folder in study.glob(f"{_UNPACKED}*"):
        with contextlib.suppress(OSError):
            if time.time() - folder.lstat().st_mtime > _DAY:
                shutil.rmtree(folder, ignore_errors=True)


def _same(target: Path, bundle: Bundle) -> bool:
    try:
        with files.opened(target / MANIFEST) as file:
            record = _record(file.read())
    except OSError:
        return False
    return record is not None and record[2] == bundle.files
