"""Lines of probe.jsonl: whole ones are told from damaged ones without reading JSON."""

import json

import pytest
from seams import probe_line, whole_lines

RECORD = {"epoch": 3, "step": 12, "layers": {"rnn_0": {"gates": {"forget": {"mean": 0.5}}}}}
LINE = probe_line(RECORD).encode()


def test_a_line_is_json_with_its_check_sum():
    read = json.loads(LINE)
    assert len(read.pop("crc")) == 8
    assert read == RECORD
    assert list(read) == list(RECORD)
    assert whole_lines(LINE) == ({3: LINE}, 0)


def test_a_number_that_json_has_not_is_refused():
    with pytest.raises(ValueError, match="JSON"):
        probe_line({"epoch": 0, "value": float("nan")})


@pytest.mark.parametrize("at", range(0, len(LINE), 7))
def test_a_flipped_bit_anywhere_is_noticed(at):
    damaged = bytearray(LINE)
    damaged[at] ^= 1
    assert whole_lines(bytes(damaged))[0] == {}


@pytest.mark.parametrize("cut", [1, 5, 18, 40, len(LINE) - 1])
def test_a_torn_line_costs_itself_only(cut):
    other = probe_line({**RECORD, "epoch": 4}).encode()
    found, lost = whole_lines(LINE[:-cut] + b"\n" + other + b"\n")
    assert (found, lost) == ({4: other}, 1)


def test_of_two_looks_at_an_epoch_the_later_counts():
    later = probe_line({**RECORD, "step": 13}).encode()
    assert whole_lines(LINE + b"\n" + later + b"\n\n") == ({3: later}, 0)
