"""A run in progress: only new lines are read, whatever happens to the file meanwhile."""

import os
import time

import pytest
from seams import FollowedRun, Tail, metrics, seconds_left
from seams import metrics as tails


def line(epoch, value=1.0, split="validation", metric="nll", seconds=None):
    return metrics.line(
        {"epoch": epoch, "step": 5 * epoch, "split": split, "metric": metric, "value": value}
        | {"seconds": 2.0 * epoch if seconds is None else seconds}
    )


def epochs(tail):
    return [found.epoch for found in tail.read()]


@pytest.fixture
def path(tmp_path):
    return tmp_path / "metrics.jsonl"


def test_only_new_lines_are_read_and_a_torn_one_waits(path):
    tail = Tail(path)
    assert epochs(tail) == []
    whole = line(3)
    path.write_text(f"{line(1)}\n{line(2)}\n{whole[:20]}")
    assert epochs(tail) == [1, 2]
    assert epochs(tail) == []
    with path.open("a") as file:
        file.write(f"{whole[20:]}\n")
    assert epochs(tail) == [3]
    assert tail.restarts == 0


@pytest.mark.parametrize("change", ["cut", "replaced", "regrown", "gone"])
def test_a_file_that_begins_again_is_read_from_its_beginning(path, change):
    path.write_text("".join(f"{line(e)}\n" for e in range(1, 6)))
    tail = Tail(path)
    assert epochs(tail) == [1, 2, 3, 4, 5]
    if change == "cut":
        os.truncate(path, len(line(1)) + 1)
        assert epochs(tail) == [1]
    elif change == "replaced":
        new = path.with_name("new")
        new.write_text("".join(f"{line(e)}\n" for e in range(1, 8)))
        os.replace(new, path)
        assert epochs(tail) == [1, 2, 3, 4, 5, 6, 7]
    elif change == "regrown":
        path.write_text("".join(f"{line(e, value=0.5)}\n" for e in range(1, 9)))
        assert epochs(tail) == [1, 2, 3, 4, 5, 6, 7, 8]
    else:
        path.unlink()
        assert epochs(tail) == []
        path.write_text(line(1) + "\n")
        assert epochs(tail) == [1]
    assert tail.restarts == 1


def test_damage_costs_only_what_it_hits(path):
    damaged = line(2).replace('"value": 1.0', '"value": 9.0')
    path.write_text(f"{line(1)}\n{damaged}\n[1]\n{line(3)}\n")
    assert epochs(Tail(path)) == [1, 3]


def test_a_file_without_line_ends_is_skipped_in_bounded_pieces(path, monkeypatch):
    monkeypatch.setattr(tails, "CHUNK", 100_000)
    path.write_bytes(b"\0" * 250_000 + b"\n" + line(7).encode() + b"\n")
    tail = Tail(path)
    assert [epochs(tail) for _ in range(4)] == [[], [], [7], []]


def test_a_file_larger_than_any_metrics_is_not_read(path):
    path.write_text(line(1) + "\n")
    os.truncate(path, metrics.MOST + 1)
    assert epochs(Tail(path)) == []


def test_what_is_not_a_regular_file_is_not_read(path):
    os.mkfifo(path)
    assert epochs(Tail(path)) == []


def run(tmp_path, trainer, until, **options):
    (tmp_path / "config.yaml").write_text(f"trainer: {trainer}\ntask: {{name: adding}}\n")
    text = "".join(f"{line(e, 1 / e, **options)}\n" for e in range(1, until + 1))
    (tmp_path / "metrics.jsonl").write_text(text)
    following = FollowedRun(tmp_path)
    following.update()
    return following


def test_the_time_left_is_the_pace_after_the_first_epoch(tmp_path):
    (tmp_path / "config.yaml").write_text("trainer: {epochs: 10, steps: null}\n")
    lines = [line(1, seconds=30.0), line(2, seconds=32.0), line(3, seconds=34.0)]
    (tmp_path / "metrics.jsonl").write_text("".join(f"{text}\n" for text in lines))
    following = FollowedRun(tmp_path)
    following.update()
    assert following.seconds_left() == pytest.approx(14.0, abs=1.0)
    assert following.fraction == pytest.approx(0.3)
    assert following.summary().startswith("epoch 3/10, nll 1, about 1")
    following._seen = None
    following.seconds = 34.12345
    assert following.facts() == {
        "phase": "training",
        "epoch": 3,
        "epochs": 10,
        "step": 15,
        "steps": None,
        "fraction": 0.3,
        "metric": "nll",
        "validation": 1.0,
        "seconds_left": 14.4,
    }


@pytest.mark.parametrize("start_up", [0.0, 600.0])
def test_start_up_is_no_part_of_the_time_left(tmp_path, start_up):
    (tmp_path / "config.yaml").write_text("trainer: {epochs: 10, steps: null}\n")
    following, left = FollowedRun(tmp_path), []
    for epoch in range(1, 11):
        with (tmp_path / "metrics.jsonl").open("a") as file:
            file.write(line(epoch, seconds=start_up + 2.0 * epoch) + "\n")
        following.update()
        following._seen = None  # without the time since the line was written
        left.append(following.seconds_left())
    assert left[0] is None
    assert left[1:] == pytest.approx([16.0, 14.0, 12.0, 10.0, 8.0, 6.0, 4.0, 2.0, 0.0])


def test_a_phase_that_gatekit_does_not_know_is_not_shown(tmp_path):
    (tmp_path / "status.json").write_text('{"state": "RUNNING", "phase": "\\u001b[2J"}')
    following = FollowedRun(tmp_path)
    following.update()
    assert (following.summary(), following.facts()["phase"]) == ("no epoch yet", None)


def test_a_run_in_steps_counts_steps(tmp_path):
    found = run(tmp_path, "{epochs: 1, steps: 200, patience: 3}", 4)
    assert found.fraction == pytest.approx(0.1)
    assert found.summary().startswith("step 20/200, nll 0.25, at most ")
    assert found.task == "adding"


def test_a_file_that_was_written_long_ago_takes_off_one_epoch_at_most(tmp_path):
    run(tmp_path, "{epochs: 10, steps: null}", 5)
    then = time.time() - 1e6
    os.utime(tmp_path / "metrics.jsonl", (then, then))
    following = FollowedRun(tmp_path)
    following.update()
    assert following.seconds_left() == pytest.approx(8.0, abs=0.1)


def test_a_script_of_ones_own_has_no_known_length(tmp_path):
    found = run(tmp_path, "{}", 4)
    assert (found.fraction, found.seconds_left()) == (None, None)
    assert found.summary() == "epoch 4, nll 0.25"


@pytest.mark.parametrize("trainer", ["[1]", "{epochs: -3}", "{epochs: a}", "{steps: true}", "7"])
def test_a_strange_configuration_is_an_unknown_length(tmp_path, trainer):
    assert run(tmp_path, trainer, 2).fraction is None


def test_nan_and_further_metrics(tmp_path):
    found = run(tmp_path, "{epochs: 4}", 1)
    with (tmp_path / "metrics.jsonl").open("a") as file:
        file.write(line(2, None) + "\n" + line(2, 0.9, metric="f1") + "\n")
    found.update()
    assert (found.metric, found.validation) == ("nll", None)
    assert "nll nan" in found.summary()


def test_the_end_of_a_sweep(tmp_path):
    half = run(tmp_path, "{epochs: 10}", 5)  # 10 s done, 10 s left
    half._seen = None
    assert seconds_left([], [], 3, 2) is None
    assert seconds_left([20.0], [], 0, 2) is None
    assert seconds_left([20.0], [], 3, 2) == pytest.approx(30.0)
    assert seconds_left([], [half], 0, 4) == pytest.approx(10.0)
    assert seconds_left([20.0], [half], 3, 1) == pytest.approx(70.0)
    assert seconds_left([20.0], [half, FollowedRun(tmp_path / "new")], 0, 8) == pytest.approx(20.0)
