"""SQL over run folders: right answers, and nothing but reading."""

from __future__ import annotations

import json
import sys
from datetime import UTC, datetime
from pathlib import Path

import pytest

from gatekit.cell.errors import ConfigError
from gatekit.compare.output.query import Answer, query
from gatekit.compare.study import load
from gatekit.runs.script import run

from .synthetic import configuration, write_run, write_study
from .test_comparison import LSTM, RNN


def asked(root: Path, sql: str) -> Answer:
    pytest.importorskip("duckdb")
    return query(sql, [load(name.name, root) for name in sorted(root.iterdir())])


def test_the_example_of_the_documents(tmp_path: Path) -> None:
    for cell, shift in (("lstm", 0.0), ("gru", 1.0)):
        for seed in range(3):
            with run("mine", {"cell": cell}, seed, metric="loss", root=tmp_path) as this:
                this.log(1, val=0.5 + seed + shift)
    answer = asked(tmp_path, "select cell, avg(val_loss) from runs group by 1 order by 1")
    assert answer.columns[0] == "cell"
    assert answer.rows == (("gru", 2.5), ("lstm", 1.5))


def test_keys_have_underscores_and_types(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM, "rnn": RNN})
    sql = "select max(optimizer_learning_rate), max(trainer_epochs), bool_or(residual) from runs"
    assert asked(tmp_path, sql).rows == ((0.01, 40, False),)


def test_metrics_are_the_good_lines(tmp_path: Path) -> None:
    runs = write_study(tmp_path, {"lstm": LSTM})
    folder = write_run(runs, configuration("rnn", 0), 9.0, validation=[9.5, None, 9.1])
    with open(folder / "metrics.jsonl", "a") as file:
        file.write('{"epoch": 4, "ste')
    sql = (
        "select epoch, value from metrics join runs using (study, run)"
        " where cell = 'rnn' and split = 'validation' order by epoch"
    )
    assert asked(tmp_path, sql).rows == ((1, 9.5), (2, None), (3, 9.1))


def test_records_are_plain(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    answer = asked(tmp_path, "select 'inf'::double as a, count(*) as n from runs")
    assert json.dumps(answer.records(), allow_nan=False) == '[{"a": null, "n": 3}]'


def test_columns_of_hostile_names_are_apart(tmp_path: Path) -> None:
    for key in ("a.b", "a_b", 'x"; drop table runs; --', "A_b"):
        with run("mine", {key: 1}, 0, root=tmp_path) as this:
            this.log(1, val=0.5)
    answer = asked(tmp_path, "select * from runs")
    assert len(answer.rows) == 4
    # SQL takes no notice of case; which of the three keeps its name depends on the runs' ids.
    alike = [name.casefold() for name in answer.columns if name.casefold().startswith("a_b")]
    assert sorted(alike) == ["a_b", "a_b_", "a_b__"]


TYPES = {
    "time '10:00'": "10:00:00",
    "timetz '10:00:00+01'": "10:00:00+01:00",
    "interval '2 days 3 hours'": "2 days, 3:00:00",
    "date '2024-02-03'": "2024-02-03",
    "timestamp '2024-02-03 04:05:06.5'": "2024-02-03T04:05:06.500000",
    "timestamp_ns '2024-02-03 04:05:06'": "2024-02-03T04:05:06",
    "'290000-01-01'::date": "290000-01-01",
    "1.50::decimal(10, 2)": 1.5,
    "'12345678-1234-5678-1234-567812345678'::uuid": "12345678-1234-5678-1234-567812345678",
    "'ab\\xFF'::blob": "6162ff",
    "'nan'::double": None,
    "'-inf'::float": None,
    "170141183460469231731687303715884105727::hugeint": 2**127 - 1,
    "'a'::enum('a', 'b')": "a",
    "union_value(n := time '10:00')": "10:00:00",
    "map {time '10:00': 'nan'::double}": {"10:00:00": None},
    "map {1: 2, 3: null}": {"1": 2, "3": None},
    "'0101'::bit": "0101",
    "[1, 2]::int[2]": [1, 2],
    "[{'a': interval '1 day', 'b': ['\\xFF'::blob]}]": [{"a": "1 day, 0:00:00", "b": ["ff"]}],
    "null": None,
    "true": True,
}


@pytest.mark.parametrize("sql", TYPES)
def test_every_type_has_its_json(tmp_path: Path, sql: str) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    records = asked(tmp_path, f"select {sql} as found").records()
    assert json.loads(json.dumps(records, allow_nan=False)) == [{"found": TYPES[sql]}]


def test_a_time_with_a_zone_is_one_moment(tmp_path: Path) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    try:
        (record,) = asked(tmp_path, "select timestamptz '2024-01-01 10:00+02' as t").records()
    except ConfigError as error:
        if "pytz" in str(error):
            pytest.skip("this DuckDB needs pytz for zones")
        raise
    assert datetime.fromisoformat(record["t"]) == datetime(2024, 1, 1, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    "sql",
    [
        "with x as (insert into runs select * from runs returning *) select * from x",
        "with x as (delete from runs returning *) select count(*) from x",
        "with x as (update runs set cell = 'x' returning *) select * from x",
    ],
)
def test_a_select_that_changes_data_is_refused(tmp_path: Path, sql: str) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    with pytest.raises(ConfigError, match="the query was refused"):
        asked(tmp_path, sql)


@pytest.mark.parametrize(
    "sql",
    [
        "copy runs to 'out.csv'",
        "create table x as select 1",
        "insert into runs select * from runs",
        "attach 'other.db'",
        "install httpfs",
        "set enable_external_access = true",
        "select 1; select 2",
        "",
    ],
)
def test_only_one_select_is_answered(
    tmp_path: Path, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write_study(tmp_path, {"lstm": LSTM})
    with pytest.raises(ConfigError, match="a query must be one SELECT"):
        asked(tmp_path, sql)
    assert [path.name for path in tmp_path.iterdir()] == ["demo"]


@pytest.mark.parametrize(
    "sql",
    [
        "select * from read_csv('secret.csv')",
        "select * from 'secret.csv'",
        "select content from read_text('secret.csv')",
        "select * from read_parquet('http://example.org/x.parquet')",
        "select * from glob('*')",
        "select * from answer",
    ],
)
def test_no_file_and_no_variable_is_read(
    tmp_path: Path, sql: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_study(tmp_path / "studies", {"lstm": LSTM})
    monkeypatch.chdir(tmp_path)
    (tmp_path / "secret.csv").write_text("a\n1\n")
    answer = [("a", 1)]
    assert answer
    with pytest.raises(ConfigError, match="the query was refused"):
        asked(tmp_path / "studies", sql)


@pytest.mark.parametrize(
    ("sql", "reason", "typed"),
    [
        ("select cel from runs", "no column 'cel'; did you mean 'cell'?", "select cell from runs"),
        ("select * from run", "no table 'run'; did you mean 'runs'?", "select * from runs"),
        ("selct cell from runs", "did you mean 'select'?", "select cell from runs"),
        ("select cell from runs order by", "is incomplete or wrong at 'by'.", "group by cell"),
        ('select 1 from runs where cell = "gru"', "single quotes", "where cell = 'gru'"),
        ("select zzz from runs", "no column 'zzz'.", "information_schema.columns"),
        ("select avgg(1) from runs", "name avgg does not exist.", "group by cell"),
    ],
)
def test_a_refusal_says_what_to_type(tmp_path: Path, sql: str, reason: str, typed: str) -> None:
    write_study(tmp_path, {"lstm": LSTM})
    with pytest.raises(ConfigError) as error:
        asked(tmp_path, sql)
    text = str(error.value)
    assert text.startswith("the query was refused: ")
    assert "\n" not in text
    before, after = text.split(" Type ")
    assert reason in before
    assert after.removeprefix("for example ").startswith("gatekit query ")
    assert typed in after


def test_a_study_without_runs_has_empty_tables(tmp_path: Path) -> None:
    (tmp_path / "demo" / "runs").mkdir(parents=True)
    assert asked(tmp_path, "select count(*) from runs").rows == ((0,),)
    assert asked(tmp_path, "select count(*) from metrics").rows == ((0,),)


def test_without_duckdb_the_extra_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "duckdb", None)
    with pytest.raises(ConfigError, match=r"pip install 'duckdb>=1\.4'"):
        query("select 1", [])
