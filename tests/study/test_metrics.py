"""The metrics file: what is damaged is counted, and never becomes a number."""

import json
import math
import zlib
from dataclasses import asdict

import pytest

from gatekit.runs import metrics

RECORD = {
    "epoch": 3,
    "step": 42,
    "split": "validation",
    "metric": "nll",
    "value": 8.9,
    "seconds": 12.1,
}


def written(tmp_path, count=4):
    path = tmp_path / "metrics.jsonl"
    for k in range(count):
        metrics.append(path, {**RECORD, "epoch": k})
    return path


def test_a_line_is_json_with_the_check_sum_of_the_contract():
    line = json.loads(metrics.line(RECORD))
    crc = line.pop("crc")
    text = json.dumps(line, sort_keys=True, separators=(",", ":"))
    assert line == RECORD
    assert crc == f"{zlib.crc32(text.encode()):08x}"


def test_nan_is_null():
    assert json.loads(metrics.line({**RECORD, "value": math.nan}))["value"] is None


def test_a_file_reads_back(tmp_path):
    found = metrics.read(written(tmp_path))
    assert [line.epoch for line in found.lines] == [0, 1, 2, 3]
    assert found.lost == ()


def test_cut_anywhere_the_whole_lines_stay(tmp_path):
    path = written(tmp_path, 2)
    whole = path.read_bytes()
    first = whole.index(b"\n")
    for size in range(len(whole)):
        path.write_bytes(whole[:size])
        found = metrics.read(path)
        complete = (size >= first) + (size >= len(whole) - 1)
        assert len(found.lines) == complete
        assert bool(found.lost) == (size not in (0, first, first + 1, len(whole) - 1))


@pytest.mark.parametrize("place", [5, 30, 60, 100])
def test_a_flipped_bit_loses_one_line(tmp_path, place):
    path = written(tmp_path)
    data = bytearray(path.read_bytes())
    data[place] ^= 4
    path.write_bytes(bytes(data))
    found = metrics.read(path)
    assert len(found.lines) == 3
    assert found.lost == (1,)
    assert all({**RECORD, "epoch": each.epoch} == asdict(each) for each in found.lines)


def test_no_file_is_no_record(tmp_path):
    assert metrics.read(tmp_path / "none") == metrics.MetricFile()
