"""Write a figure to files: formats, metadata; the same input gives the same bytes."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from gatekit.cell.errors import ConfigError, listed
from gatekit.compare.grouping.label import printable
from gatekit.runs import durable

from .matplotlib import settled
from .style import styled

if TYPE_CHECKING:
    from matplotlib.figure import Figure

FORMATS = ("png", "svg", "pdf")


def check_formats(formats: Sequence[str]) -> None:
    """Raise ConfigError if a format does not exist."""
    unknown = [name for name in formats if name not in FORMATS]
    if unknown:
        raise ConfigError(f"there is no format {unknown[0]!r}; formats: {listed(FORMATS)}")


def write_figure(
    figure: Figure, stem: Path | str, formats: Sequence[str], title: str, about: str
) -> list[Path]:
    """Write one file per format.

    Args:
        figure: the figure; its layout is fixed.
        stem: path of the files without their suffix.
        formats: any of png, svg and pdf.
        title: what the figure shows, for the files' metadata.
        about: the command and the runs, for the files' metadata.

    Returns:
        The files, in the order of the formats.

    Raises:
        ConfigError: a format does not exist, or a file cannot be written.
    """
    check_formats(formats)
    paths = []
    with styled():
        settled(figure)
        for name in formats:
            path = Path(f"{stem}.{name}")
            try:
                durable.target(path)
                path.parent.mkdir(parents=True, exist_ok=True)
                metadata = _metadata(name, printable(title), printable(about))
                figure.savefig(path, format=name, metadata=metadata)
            except OSError as error:
                raise ConfigError(
                    f"{path} cannot be written ({error.strerror}); choose another --figure PATH"
                ) from None
            paths.append(path)
    return paths


def about(command: str, runs: Sequence[str]) -> str:
    """Return the description of a figure for its metadata: command, runs."""
    return f"command: {command}; runs: {' '.join(runs)}"


def _metadata(name: str, title: str, text: str) -> dict[str, object]:
    if name == "png":
        return {"Title": title, "Description": text, "Software": "gatekit"}
    if name == "svg":
        return {"Title": title, "Description": text, "Creator": "gatekit", "Date": None}
    return {"Title": title, "Subject": text, "Creator": "gatekit", "CreationDate": None}
