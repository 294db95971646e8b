"""What a run uses: processor time and memory, over attempts."""

from seams import used


def test_earlier_attempts_count() -> None:
    again = used.Used()
    again.resume({"processor_seconds": 1000.0, "peak_bytes": 2**60})
    both = again.record()
    assert both["peak_bytes"] == 2**60
    assert 1000 <= both["processor_seconds"] < 2000


def test_a_first_attempt_has_its_own() -> None:
    found = used.Used().record()
    assert found["processor_seconds"] >= 0
    assert found["peak_bytes"] > 2**20
