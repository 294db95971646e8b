"""Display at a prompt and in a notebook: plain text, drawings as pictures, rows as a table."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from html import escape
from pathlib import Path

from .errors import ConfigError


class Text(str):
    """A string that a prompt and a notebook show with its line breaks and without quotes."""

    __slots__ = ()

    def __repr__(self) -> str:
        return str(self)


class Drawing(str):
    """An SVG document that a notebook shows as a picture."""

    __slots__ = ()

    def __repr__(self) -> str:
        return f"<an SVG drawing of {len(self):,} characters; save('FILE.svg') writes it>"

    def _repr_svg_(self) -> str:
        return str(self)

    def save(self, path: str | Path) -> Path:
        """Write the drawing to a file and return its path.

        Args:
            path: the file, such as ``gru.svg``.

        Raises:
            ConfigError: the file has a suffix other than ``.svg``.
        """
        path = Path(path)
        if path.suffix.lower() not in ("", ".svg"):
            raise ConfigError(f"{str(path)!r}: a drawing is a file that ends in .svg")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self, encoding="utf-8")
        return path


def table(
    rows: Iterable[Sequence[object]],
    head: Sequence[object] = (),
    title: str = "",
    bold: Sequence[bool] = (),
) -> str:
    """Return rows as an HTML table with everything escaped.

    Args:
        rows: the cells of each row.
        head: the titles of the columns.
        title: a line above the table.
        bold: whether each row is bold.
    """
    lines = [f"<b>{escape(title)}</b>"] if title else []
    lines.append("<table>")
    if head:
        lines.append(f"<thead><tr>{_cells('th', head)}</tr></thead>")
    lines.append("<tbody>")
    for place, row in enumerate(rows):
        tag = "th" if place < len(bold) and bold[place] else "td"
        lines.append(f"<tr>{_cells(tag, row)}</tr>")
    lines.append("</tbody></table>")
    return "".join(lines)


def _cells(tag: str, row: Sequence[object]) -> str:
    style = ' style="text-align:left"'
    return "".join(f"<{tag}{style}>{escape(str(cell))}</{tag}>" for cell in row)
