"""The file of looks: no torn line, no kill and no flipped bit changes the number of looks."""

import dataclasses
import json
from pathlib import Path

import pytest
from seams import LOOKS, InterimAnalyses, metrics
from seams import interim_file as file

from gatekit import RunError

FIRST = InterimAnalyses(
    20,
    (10,),
    {"baseline": "lstm"},
    {"gru": "lstm", "lstm": None},
    {"gru": "0a"},
    {"gru": "open"},
    0.0056,
    0.0056,
)
SECOND = dataclasses.replace(FIRST, seeds=(10, 12), alpha=0.0114, added=0.0058)


@pytest.fixture
def study(tmp_path: Path) -> Path:
    file.append(tmp_path, FIRST)
    file.append(tmp_path, SECOND)
    return tmp_path


def test_the_last_line_is_what_was_written(study: Path) -> None:
    assert file.read(study) == SECOND
    assert file.read(study / "none") is None
    record = json.loads((study / LOOKS).read_text().splitlines()[0])
    assert record["information"] == 0.5


def test_a_line_that_a_killed_process_did_not_finish_is_no_look(study: Path) -> None:
    data = (study / LOOKS).read_bytes()
    first = data.index(b"\n") + 1
    for size in range(len(data)):
        (study / LOOKS).write_bytes(data[:size])
        # A line is whole before its newline is written.
        expected = None if size < first - 1 else FIRST if size < len(data) - 1 else SECOND
        assert file.read(study) == expected


def test_the_next_look_is_written_after_a_torn_line(study: Path) -> None:
    path = study / LOOKS
    path.write_bytes(path.read_bytes()[:-20])
    file.append(study, SECOND)
    assert file.read(study) == SECOND
    assert len(path.read_bytes().split(b"\n")) == 4


def test_a_flipped_bit_is_found_or_harmless(study: Path) -> None:
    path = study / LOOKS
    data = path.read_bytes()
    last = data.index(b"\n") + 1
    for place in range(0, len(data) - 1, 3):
        flipped = bytearray(data)
        flipped[place] ^= 1 << place % 8
        path.write_bytes(flipped)
        if place < last:
            assert file.read(study) == SECOND
        else:
            with pytest.raises(RunError, match="number of looks at the study is unknown"):
                file.read(study)


@pytest.mark.parametrize(
    "change",
    [
        {"seeds": [12, 10]},
        {"seeds": []},
        {"seeds": [30]},
        {"seeds": "10"},
        {"most": 20.0},
        {"groups": []},
        {"alpha": None},
    ],
)
def test_a_record_that_makes_no_sense_is_damage(study: Path, change: dict[str, object]) -> None:
    record = json.loads((study / LOOKS).read_text().splitlines()[-1]) | change
    metrics.append(study / LOOKS, {k: v for k, v in record.items() if k != "crc"})
    with pytest.raises(RunError, match="damaged in line 3"):
        file.read(study)


def test_a_newer_format_is_refused(study: Path) -> None:
    metrics.append(study / LOOKS, {"schema": 3})
    with pytest.raises(RunError, match="has format 3"):
        file.read(study)


def test_something_else_than_a_file_is_refused(tmp_path: Path) -> None:
    (tmp_path / LOOKS).mkdir()
    with pytest.raises(RunError, match="cannot be read"):
        file.read(tmp_path)
