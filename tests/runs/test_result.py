"""``result.json`` protects itself: no bit of it can change without being found."""

import contextlib
import json
import math
import re
import sys

import pytest
from compare.synthetic import configuration, sealed, write_run
from replacing import places, replaced
from seams import RunFolder, RunReader, State, main, result

from gatekit import RunError
from gatekit.compare import load


@pytest.fixture
def folder(tmp_path):
    return write_run(tmp_path / "demo" / "runs", configuration(), 8.65)


def flips(data):
    """Return the bytes with each single bit flipped in turn."""
    for place in range(len(data)):
        for bit in range(8):
            yield data[:place] + bytes([data[place] ^ 1 << bit]) + data[place + 1 :]


def test_what_is_written_is_what_is_read():
    record = {"state": "COMPLETED", "best": {"test": 8.65}, "files": {"config.yaml": "ab"}}
    data = result.dumped(record)
    read = result.parsed(data)
    assert result.SEAL in read
    assert read == {"schema": result.SCHEMA, **record, "sha256": read["sha256"]}
    assert result.dumped(read) == data == sealed({"schema": result.SCHEMA, **record}).encode()


def test_every_bit_of_a_result_is_protected(folder):
    data = (folder / "result.json").read_bytes()
    result.parsed(data)
    for changed in flips(data):
        with pytest.raises(ValueError, match=r".") as error:
            result.parsed(changed)
        # A newer gatekit is blamed for nothing that is damage.
        assert not isinstance(error.value, RunError)


def test_every_cut_of_a_result_is_found(folder):
    data = (folder / "result.json").read_bytes()
    for size in range(len(data)):
        with pytest.raises(ValueError, match=r"."):
            result.parsed(data[:size])
    with pytest.raises(ValueError, match="its sha256"):
        result.parsed(data + b" ")


def test_a_changed_number_is_found_by_whoever_reads_it(folder, tmp_path, capsys):
    path = folder / "result.json"
    path.write_bytes(path.read_bytes().replace(b"8.65", b"8.64"))
    assert RunFolder(folder).state().name == "CORRUPT"
    (run,) = load("demo", tmp_path).runs
    assert run.state == "CORRUPT"
    assert run.reason == "result.json: it was altered after the run (its sha256 differs)"
    assert main(["status", "demo", "--root", str(tmp_path)]) == 1
    assert "1 CORRUPT" in capsys.readouterr().out


@pytest.mark.parametrize("files", [{}, None, [], {"metrics.jsonl": "ab"}, {"config.yaml": 3}])
@pytest.mark.parametrize("schema", [1, 2, 3])
def test_a_result_without_hashes_is_damaged(folder, files, schema):
    path = folder / "result.json"
    record = json.loads(path.read_text()) | {"schema": schema, "files": files}
    del record["sha256"]
    path.write_text(sealed(record) if schema > 1 else json.dumps(record))
    state = RunFolder(folder).state()
    assert (state.name, "files" in state.reason) == ("CORRUPT", True)


def test_a_result_of_an_earlier_gatekit_is_read_and_marked(folder, tmp_path, capsys):
    path = folder / "result.json"
    record = json.loads(path.read_text()) | {"schema": 1}
    del record["sha256"]
    path.write_text(json.dumps(record, indent=1) + "\n")
    state = RunFolder(folder).state()
    assert (state.name, state.sealed) == ("COMPLETED", False)
    (run,) = load("demo", tmp_path).runs
    assert run.result.best.test == 8.65
    assert main(["status", "demo", "--root", str(tmp_path)]) == 0
    assert "results of an earlier gatekit, stored without a hash: 1" in capsys.readouterr().out


def test_a_seal_is_never_turned_off(folder):
    """Format 1 has no seal; what has one, or another format, is not taken for format 1."""
    text = (folder / "result.json").read_text()
    changed = text.replace("8.65", "8.64")
    for damaged in (
        changed.replace('"schema": 2', '"schema": 1'),
        re.sub(r',\n "sha256": "\w+"', "", changed),
        changed.replace('"sha256": "', '"sha256": "0'),
    ):
        with pytest.raises(ValueError, match="its sha256"):
            result.parsed(damaged.encode())


def test_a_bundled_result_is_sealed_anew(folder, tmp_path, capsys):
    (folder / "result.json").write_text(
        json.dumps({**json.loads((folder / "result.json").read_text()), "schema": 1}).replace(
            "sha256", "was"
        )
    )
    root = ["--root", str(tmp_path)]
    assert main(["bundle", "demo", *root, "--output", str(tmp_path / "b.zip")]) == 0
    assert main(["import", str(tmp_path / "b.zip"), "--root", str(tmp_path / "other")]) == 0
    (run,) = load("demo", tmp_path / "other").runs
    assert (run.state, run.result.best.test) == ("COMPLETED", 8.65)
    assert RunFolder(run.path).state().sealed


WRONG = ({}, [], [[]], [{}], {"a": {}}, None, True, -1, 10**30, "", "x", 1e300, ["x", None])


def test_a_sealed_result_with_a_value_of_a_wrong_type_is_read_or_refused(folder):
    """Anyone can seal a result; a bundle from a stranger may hold anything."""
    path = folder / "result.json"
    record = {**json.loads(path.read_bytes()), "warnings": ["slow"], "sizes": {"metrics.jsonl": 9}}
    refused = 0
    for place in places(record):
        for wrong in WRONG:
            path.write_bytes(result.dumped(replaced(record, place, wrong)))
            state = RunReader(folder).state()
            assert isinstance(state.name, State)
            if state.name == "CORRUPT":
                refused += 1
                continue
            with contextlib.suppress(ValueError):
                result.result_of(result.parsed(path.read_bytes()))
    assert refused > 100


@pytest.mark.parametrize(
    ("key", "value", "says"),
    [
        ("sizes", {"metrics.jsonl": [{}]}, "sizes is not a table of numbers of bytes"),
        ("sizes", {"metrics.jsonl": True}, "sizes is not a table of numbers of bytes"),
        ("warnings", 1, "warnings is not a list of strings"),
        ("warnings", [{}], "warnings is not a list of strings"),
        ("notes", 1, "notes is not a list of strings"),
        ("task", "\ud800", "a string has an unpaired surrogate"),
        ("seconds", {"total": 10**400}, "total is 10{400}, not a number"),
        ("steps", 2**63, "steps is 9223372036854775808, not a whole number"),
    ],
)
def test_a_sealed_result_with_a_wrong_field_says_which(folder, key, value, says):
    path = folder / "result.json"
    record = json.loads(path.read_bytes())
    with pytest.raises(ValueError, match=says):
        result.result_of(result.parsed(result.dumped({**record, key: value})))


def test_a_result_of_any_depth_is_refused_in_words():
    """Where reading is just possible, looking for half characters may not be."""
    for depth in range(100, 1200):
        text = '{"a": ' + "[" * depth + r'"\ud83d\ude00"' + "]" * depth + "}"
        with pytest.raises(ValueError, match=r"nested too deeply|schema"):
            result.parsed(text.encode())


@pytest.mark.parametrize(
    ("value", "number"),
    [
        (-2.5, -2.5),
        (3, 3.0),
        (sys.float_info.max, sys.float_info.max),
        (True, None),
        ("1", None),
        (None, None),
        (math.nan, None),
        (-math.inf, None),
        (10**400, None),
        (-(10**400), None),
    ],
)
def test_a_number_of_json_is_finite_or_none(value, number):
    assert result.as_number(value) == number


def test_a_metric_has_a_sign_and_may_have_been_recorded_in_reverse():
    for name, direction, sign, reverse in (
        ("accuracy", "max", 1, False),
        ("accuracy", "min", -1, True),
        ("mse", "min", -1, False),
        ("own", "max", 1, False),
    ):
        metric = result.ResultMetric(name, direction, "", None)
        assert (metric.sign, metric.is_reversed) == (sign, reverse)
