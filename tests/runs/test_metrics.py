"""The metrics file: what is written, and what is read of a damaged file; no number is invented."""

from __future__ import annotations

import json
import math
import zlib
from pathlib import Path

import pytest
from seams import metrics
from seams import parse_metrics as parse

RECORD = {
    "epoch": 3,
    "step": 42,
    "split": "validation",
    "metric": "nll",
    "value": 8.9,
    "seconds": 12.1,
}


def line(**record: object) -> str:
    """Return a line of the file, with its check sum, for any record."""
    text = json.dumps(record, sort_keys=True, separators=(",", ":"))
    return json.dumps({**record, "crc": f"{zlib.crc32(text.encode()):08x}"}) + "\n"


def text(count: int = 4) -> list[str]:
    return [
        line(epoch=e, step=14 * e, split="validation", metric="nll", value=9.0 + e / 7, seconds=e)
        for e in range(1, count + 1)
    ]


def values(data: bytes) -> list[float | None]:
    return [item.value for item in parse(data).lines]


WHOLE = "".join(text()).encode()
GOOD = [9.0 + e / 7 for e in range(1, 5)]


def test_an_intact_file_is_read_whole() -> None:
    parsed = parse(WHOLE)
    assert [item.value for item in parsed.lines] == GOOD
    assert [item.epoch for item in parsed.lines] == [1, 2, 3, 4]
    assert parsed.lost == ()
    assert parsed.damage() is None


def test_a_line_is_written_as_the_contract_says() -> None:
    assert metrics.line(RECORD) + "\n" == line(**RECORD)


def test_nan_is_written_as_null() -> None:
    assert json.loads(metrics.line({**RECORD, "value": math.nan}))["value"] is None


def test_what_is_appended_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "metrics.jsonl"
    for epoch in range(4):
        metrics.append(path, {**RECORD, "epoch": epoch})
    expected = tuple(metrics.MetricLine(**{**RECORD, "epoch": epoch}) for epoch in range(4))
    assert metrics.read(path) == metrics.MetricFile(expected)
    assert metrics.read(path, "train") == metrics.MetricFile()


def test_a_name_with_half_a_character_loses_its_line() -> None:
    parsed = parse(metrics.line({**RECORD, "metric": "\ud800"}).encode())
    assert (parsed.lines, parsed.lost) == ((), (1,))


def test_a_missing_file_has_no_lines(tmp_path: Path) -> None:
    assert metrics.read(tmp_path / "metrics.jsonl") == metrics.MetricFile()


@pytest.mark.parametrize("cut", range(len(WHOLE)))
def test_truncation_at_any_byte_keeps_every_line_before_it(cut: int) -> None:
    parsed = parse(WHOLE[:cut])
    lines = WHOLE[:cut].split(b"\n")
    complete = [item for item in lines if item.endswith(b"}")]
    assert [item.value for item in parsed.lines] == GOOD[: len(complete)]
    torn = bool(lines[-1]) and not lines[-1].endswith(b"}")
    assert parsed.lost == ((len(lines),) if torn else ())


def test_any_flipped_bit_loses_its_line_and_no_other() -> None:
    start = len(text()[0])
    stop = start + len(text()[1])
    for position in range(start, stop - 1):
        for bit in range(8):
            data = bytearray(WHOLE)
            data[position] ^= 1 << bit
            parsed = parse(bytes(data))
            kept = [item.value for item in parsed.lines]
            # A blank that became another blank changes nothing; anything else costs the line.
            assert kept in (GOOD, [GOOD[0], GOOD[2], GOOD[3]]), (position, bit)
            if kept != GOOD:
                assert parsed.lost


def test_a_block_of_nul_bytes_costs_only_what_it_covers() -> None:
    start = len(text()[0]) + 5
    data = WHOLE[:start] + b"\0" * 60 + WHOLE[start + 60 :]
    assert values(data) == [GOOD[0], GOOD[2], GOOD[3]]
    assert parse(data).lost == (2,)


def test_a_zero_filled_tail_is_damage_after_good_lines() -> None:
    parsed = parse(WHOLE + b"\0" * 4096)
    assert [item.value for item in parsed.lines] == GOOD
    assert parsed.lost == (5,)
    assert parsed.damage() == ("metrics.jsonl: lost line 5 (torn or altered); 4 good lines kept")


def test_lines_after_a_nul_block_without_a_line_end_are_kept() -> None:
    first, *rest = text()
    data = first.encode() + b"\0" * 300 + "".join(rest).encode()
    assert values(data) == GOOD
    assert parse(data).lost == (2,)


def test_crlf_ends_are_no_damage() -> None:
    parsed = parse(WHOLE.replace(b"\n", b"\r\n"))
    assert [item.value for item in parsed.lines] == GOOD
    assert parsed.lost == ()


def test_glued_lines_are_separated() -> None:
    parsed = parse(WHOLE.replace(b"\n", b""))
    assert [item.value for item in parsed.lines] == GOOD
    assert parsed.lost == ()


def test_a_torn_line_that_was_written_on_is_lost_alone() -> None:
    first, second, third, fourth = text()
    data = (first + second[:40] + third + fourth).encode()
    assert values(data) == [GOOD[0], GOOD[2], GOOD[3]]
    assert parse(data).lost == (2,)


def test_null_is_not_a_number_and_nan_is_not_json() -> None:
    null = line(epoch=1, step=1, split="validation", metric="nll", value=None, seconds=0.1)
    assert values(null.encode()) == [None]
    assert values(null.replace("null", "NaN").encode()) == []


@pytest.mark.parametrize(
    "record",
    [
        {"epoch": "1", "step": 1, "split": "train", "metric": "nll", "value": 1.0, "seconds": 1.0},
        {"epoch": 1, "step": 1, "split": "train", "metric": "nll", "value": "1", "seconds": 1.0},
        {"epoch": 1, "step": True, "split": "train", "metric": "nll", "value": 1, "seconds": 1.0},
        {"epoch": 1, "step": 1, "split": 3, "metric": "nll", "value": 1.0, "seconds": 1.0},
        {"epoch": 1, "step": 1, "split": "train", "metric": "nll", "value": 1.0},
    ],
)
def test_a_line_of_another_form_is_refused_though_its_checksum_holds(
    record: dict[str, object],
) -> None:
    parsed = parse(line(**record).encode())
    assert parsed.lines == ()
    assert parsed.lost == (1,)


def test_hostile_nesting_is_refused_and_the_next_line_kept() -> None:
    data = b'{"a":' * 3000 + b"\n" + WHOLE
    assert values(data) == GOOD


def test_one_split_can_be_asked_for() -> None:
    train = line(epoch=1, step=14, split="train", metric="nll", value=1.0, seconds=1)
    parsed = parse(train.encode() + WHOLE + train[:30].encode(), split="validation")
    assert [item.value for item in parsed.lines] == GOOD
    assert parsed.lost == (6,)


@pytest.mark.slow
def test_hundred_thousand_lines_are_read() -> None:
    assert len(parse(WHOLE * 25_000).lines) == 100_000
