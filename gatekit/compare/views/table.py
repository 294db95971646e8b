"""A table of strings with its title and notes, which every format can write."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from gatekit.cell.notebook import table


@dataclass(frozen=True, slots=True)
class Table:
    """A table.

    Attributes:
        title: what the numbers are; empty if the headings state it.
        columns: the headings; the first column names the row.
        rows: the cells, one for each column.
        lines: sentences below the table, such as verdicts.
        notes: how the numbers were computed.
    """

    title: str
    columns: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]
    lines: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()

    @property
    def below(self) -> tuple[str, ...]:
        """Return all sentences below the table, with the notes marked as such."""
        return (*self.lines, *(f"note: {note}" for note in self.notes))

    def records(self) -> Iterator[dict[str, str]]:
        """Return each row as a mapping from heading to cell."""
        return (dict(zip(self.columns, row, strict=True)) for row in self.rows)

    def _repr_html_(self) -> str:
        return table(self.rows, self.columns, self.title)
