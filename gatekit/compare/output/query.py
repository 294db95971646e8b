"""SQL over run folders, in an in-memory DuckDB without access to files or the network."""

from __future__ import annotations

import json
import math
import re
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, time
from decimal import Decimal
from pathlib import Path
from typing import Any

from gatekit.cell.errors import ConfigError, alternatives, nearest_name
from gatekit.compare.rows import tidy
from gatekit.compare.study import Study
from gatekit.runs import metrics
from gatekit.runs.names import METRICS

_METRICS = {
    "study": "VARCHAR",
    "run": "VARCHAR",
    "origin": "VARCHAR",
    "epoch": "BIGINT",
    "step": "BIGINT",
    "split": "VARCHAR",
    "metric": "VARCHAR",
    "value": "DOUBLE",
    "seconds": "DOUBLE",
}


@dataclass(frozen=True, slots=True)
class Answer:
    """Column names and rows of a query's result."""

    columns: tuple[str, ...]
    rows: tuple[tuple[object, ...], ...]

    def records(self) -> list[dict[str, Any]]:
        """Return one record per row, with JSON values.

        NaN and infinities become None, decimals become numbers, bytes become hex digits; times,
        intervals and identifiers become strings.
        """
        return [
            {name: _plain(value) for name, value in zip(self.columns, row, strict=True)}
            for row in self.rows
        ]


def query(sql: str, studies: Sequence[Study]) -> Answer:
    """Answer a SELECT over the tables ``runs`` and ``metrics``.

    ``runs`` has the columns of ``tidy``, with ``_`` in place of dots and signs. ``metrics`` has one
    row per valid line of ``metrics.jsonl``. A query cannot write, and cannot read files or the
    network.

    Args:
        sql: one SELECT statement in DuckDB's dialect.
        studies: the result of ``load``.

    Raises:
        ConfigError: DuckDB is not installed, or refuses the statement.
    """
    try:
        import duckdb
    except ImportError:
        raise ConfigError("queries need DuckDB; type `pip install 'duckdb>=1.4'`") from None
    names: dict[str, Sequence[str]] = {}
    try:
        statements = duckdb.extract_statements(sql)
        if len(statements) != 1 or statements[0].type != duckdb.StatementType.SELECT:
            raise ConfigError(
                "a query must be one SELECT statement, because it can only read; type for example"
                ' gatekit query "select cell, avg(test) from runs group by 1"'
            )
        with duckdb.connect(":memory:") as database, tempfile.TemporaryDirectory() as folder:
            rows = _named(tidy((study.name, run) for study in studies for run in study.runs))
            _fill(database, "runs", rows, _types(rows), Path(folder))
            # Curves are read only if needed; they take longer than everything else.
            lines = _metric_rows(studies) if "metrics" in sql.lower() else ()
            _fill(database, "metrics", lines, _METRICS, Path(folder))
            names = {"runs": [*_types(rows)], "metrics": [*_METRICS]}
            database.execute("SET python_enable_replacements = false")
            database.execute("SET enable_external_access = false")
            database.execute("SET lock_configuration = true")
            # A SELECT may contain an INSERT in a WITH clause.
            database.execute("BEGIN TRANSACTION READ ONLY")
            result = database.execute(sql)
            columns = tuple(str(column[0]) for column in result.description or ())
            return Answer(columns, tuple(result.fetchall()))
    except duckdb.Error as error:
        raise ConfigError(_refused(sql, error, names)) from None


# DuckDB's errors for an unknown column, an unknown table, and a word that it cannot parse.
_NO_COLUMN = re.compile(r'column "?(\w+)"? not found')
_NO_TABLE = re.compile(r"Table with name (\w+) does not exist")
_UNREADABLE = re.compile(r'syntax error at or near "(.*)"')
_WORDS = ("select", "from", "where", "group", "by", "order", "limit", "having", "join", "on")
_EXAMPLE = "select cell, avg(test) from runs group by cell"


def _refused(sql: str, error: Exception, names: Mapping[str, Sequence[str]]) -> str:
    """Return why a query was refused, in one paragraph, and what to type.

    Args:
        sql: the query.
        error: DuckDB's error.
        names: the tables, and the columns of each.
    """
    text, typed = str(error), _EXAMPLE
    if match := _NO_COLUMN.search(text):
        asked = [table for table in names if re.search(rf"\b{table}\b", sql, re.IGNORECASE)]
        columns = sorted({name for table in asked or names for name in names[table]})
        near, quoted = nearest_name(match[1], columns), f'"{match[1]}"'
        reason = f"there is no column {match[1]!r}"
        bare = re.search(rf"[=<>]\s*{re.escape(match[1])}\b", sql, re.IGNORECASE)
        if quoted in sql or bare:
            reason += "; a string needs single quotes."
            text = f"'{match[1]}'"
            typed = sql.replace(quoted, text) if quoted in sql else _with(sql, match[1], text)
        elif near:
            reason += f"; did you mean {near!r}?"
            typed = _with(sql, match[1], near)
        else:
            reason += "."
            typed = _existing(sql, match[1], columns) or _COLUMNS
    elif match := _NO_TABLE.search(text):
        reason = f"there is no table {match[1]!r}{alternatives(match[1], names, 'tables')}"
        reason += " --study NAME chooses a study."
        table = nearest_name(match[1], names) or "runs"
        typed = _existing(_with(sql, match[1], table), "", names[table]) if table in names else ""
        typed = typed or _EXAMPLE
    elif match := _UNREADABLE.search(text):
        near = nearest_name(match[1], _WORDS) if match[1].lower() not in _WORDS else ""
        reason = f"the SQL is incomplete or wrong at {match[1]!r}"
        reason += f"; did you mean {near!r}?" if near else "."
        typed = _with(sql, match[1], near) if near else _EXAMPLE
    else:
        # The reason is in the first line; others mark the position, or suggest DuckDB's own names.
        first = text.partition("\n")[0]
        reason = (first.partition(": ")[2] or first).rstrip(".!") + "."
    line = f"'{typed}'" if "'" not in typed else json.dumps(typed)
    as_example = " for example" if typed == _EXAMPLE else ""
    return f"the query was refused: {reason} Type{as_example} gatekit query {line}"


_COLUMNS = "select table_name, column_name from information_schema.columns"
_MEANT = dict.fromkeys(("accuracy", "acc", "loss", "score", "metric", "mse"), "test value")
_MEANT |= dict.fromkeys(("val_loss", "val", "valid", "dev", "val_accuracy"), "validation")
_MEANT |= dict.fromkeys(("model", "variant", "gate", "name"), "cell")


def _existing(sql: str, missing: str, columns: Sequence[str]) -> str:
    """Return a query with existing columns instead of unknown ones; empty if one has no match.

    Args:
        sql: the query, of a table that exists.
        missing: the column that DuckDB did not find; empty if it has not looked yet.
        columns: the columns of the table.
    """
    head = re.match(r"select\s+([\w\s,*]+?)\s+from\b", sql, flags=re.IGNORECASE)
    asked = re.split(r"\s*,\s*", head[1]) if head else []
    for name in dict.fromkeys([*asked, *([missing] if missing else [])]):
        if name.lower() in columns or not name.isidentifier() or name.lower() in _WORDS:
            continue
        meant = [each for each in _MEANT.get(name.lower(), "").split() if each in columns]
        near = meant[0] if meant else nearest_name(name, columns)
        if not near:
            return ""
        sql = _with(sql, name, near)
    return sql if head or missing else ""


def _with(sql: str, name: str, other: str) -> str:
    return re.sub(rf"\b{re.escape(name)}\b", other, sql, flags=re.IGNORECASE)


def _fill(
    database: Any,
    name: str,
    rows: Iterable[Mapping[str, Any]],
    types: Mapping[str, str],
    folder: Path,
) -> None:
    if not types:
        types = {"run": "VARCHAR", "study": "VARCHAR"}
    path = folder / f"{name}.jsonl"
    with open(path, "w", encoding="utf-8") as file:
        for row in rows:
            file.write(json.dumps(row, default=str) + "\n")
    fields = ", ".join(f"{_quoted(key)} {kind}" for key, kind in types.items())
    database.execute(f"CREATE TABLE {name} ({fields})")
    if path.stat().st_size:
        columns = ", ".join(f"{_quoted(key)}: '{kind}'" for key, kind in types.items())
        database.execute(
            f"INSERT INTO {name} SELECT * FROM read_json(?, format = 'newline_delimited',"
            f" columns = {{{columns}}}, maximum_object_size = 100000000)",
            [str(path)],
        )


def _named(rows: Sequence[Mapping[str, object]]) -> list[dict[str, object]]:
    names: dict[str, str] = {}
    for key in rows[0] if rows else ():
        name = "".join(c if c.isalnum() else "_" for c in key)
        while name.lower() in {taken.lower() for taken in names.values()}:
            name += "_"
        names[key] = name
    return [{names[key]: _cell(value) for key, value in row.items()} for row in rows]


def _cell(value: object) -> object:
    return json.dumps(value, default=str) if isinstance(value, list | dict) else _plain(value)


def _plain(value: object) -> object:
    if value is None or isinstance(value, bool | int | str):
        return value
    if isinstance(value, float | Decimal):
        number = float(value)
        return number if math.isfinite(number) else None
    if isinstance(value, Mapping):
        return {_key(key): _plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_plain(item) for item in value]
    if isinstance(value, date | time):
        return value.isoformat()
    return value.hex() if isinstance(value, bytes) else str(value)


def _key(value: object) -> str:
    plain = _plain(value)
    return plain if isinstance(plain, str) else json.dumps(plain)


def _types(rows: Sequence[Mapping[str, object]]) -> dict[str, str]:
    return {key: _type({type(row[key]) for row in rows}) for key in (rows[0] if rows else ())}


def _type(kinds: set[type]) -> str:
    kinds = kinds - {type(None)}
    if kinds == {bool}:
        return "BOOLEAN"
    if kinds == {int}:
        return "BIGINT"
    return "DOUBLE" if kinds and kinds <= {int, float} else "VARCHAR"


def _metric_rows(studies: Iterable[Study]) -> Iterator[dict[str, object]]:
    for study in studies:
        for run in study.runs:
            for line in metrics.read(run.path / METRICS).lines:
                yield {
                    "study": study.name,
                    "run": run.id,
                    "origin": run.origin,
                    "epoch": line.epoch,
                    "step": line.step,
                    "split": line.split,
                    "metric": line.metric,
                    "value": line.value,
                    "seconds": line.seconds,
                }


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'
