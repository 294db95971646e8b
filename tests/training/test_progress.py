"""Progress keeps position and scores, and saves when the clock says so."""

import numpy
import pytest
from seams import RunFolder, durable, metrics, resume

MADE_WITH = {
    "tensorflow": "2.21.0",
    "cpu": "one",
    "threads": 2,
    "executor": "stacked",
    "jit": False,
}
TENSORS = {"weight/w": numpy.arange(3.0)}


@pytest.fixture
def clock(monkeypatch):
    """A clock that only the test moves."""

    class Clock:
        now = 100.0

        def monotonic(self):
            return self.now

    made = Clock()
    monkeypatch.setattr(resume, "time", made)
    return made


@pytest.fixture
def folder(tmp_path):
    made = RunFolder(tmp_path / "runs" / "00")
    made.claim()
    return made


def begun(folder, direction="min"):
    return resume.TrainingProgress(folder, "mse", direction, MADE_WITH)


def epoch(book, value, step):
    """Make an epoch of two steps."""
    book.epoch, book.closed = book.epoch + 1, False
    book.step, book.loss = step, value + 1
    book.judge(value, lambda: {"w": numpy.full(3, value)})


def again(folder):
    """Stop, claim again, and return the progress that goes on, with what was found."""
    folder.status("INTERRUPTED", "stopped")
    folder.claim()
    checkpoint = resume.checkpoint_of(folder)
    book = begun(folder)
    if checkpoint is not None:
        book.resume(checkpoint)
    return book, checkpoint


def test_the_clock_decides_when_to_save(folder, clock):
    book = begun(folder)
    assert not book.due()
    clock.now += resume.EPOCH_PERIOD
    assert book.due()
    book.closed = False
    assert not book.due()
    clock.now += resume.STEP_PERIOD
    assert book.due()
    book.save(TENSORS, [])
    assert not book.due()


def test_durations_go_on_and_never_go_back(folder, clock):
    book = begun(folder)
    clock.now += 7.5
    epoch(book, 0.5, 2)
    book.save(TENSORS, [])
    clock.now += 100
    resumed, _ = again(folder)
    assert resumed.seconds() == 7.5
    clock.now += 1
    assert resumed.seconds() == 8.5


@pytest.mark.parametrize(("direction", "best"), [("min", 0.25), ("max", 0.75)])
def test_the_best_epoch_and_patience(folder, direction, best):
    book = begun(folder, direction)
    for step, value in enumerate([0.5, 0.25, 0.75, 0.5, 0.5, float("nan")]):
        epoch(book, value, 2 * step)
    assert book.best[1] == best
    assert book.out_of_patience(6 - book.best[0])
    assert not book.out_of_patience(7 - book.best[0])
    assert not book.out_of_patience(None)
    with numpy.load(folder.path / "weights.npz") as archive:
        assert archive["w"][0] == best


def test_an_epoch_in_which_a_run_diverges_has_not_the_score_of_the_one_before(folder):
    book = begun(folder)
    epoch(book, 0.5, 2)
    assert book.last() == {"epoch": 1, "validation": 0.5}
    book.epoch, book.closed = 2, False
    assert book.last()["epoch"] == 2
    assert numpy.isnan(book.last()["validation"])


def test_what_came_after_the_checkpoint_is_taken_back(folder):
    book = begun(folder)
    epoch(book, 0.5, 2)
    book.remark("said")
    book.save(TENSORS, [["a", 1]])
    kept = (folder.path / "metrics.jsonl").read_bytes()
    epoch(book, 0.25, 4)
    with open(folder.path / "metrics.jsonl", "ab") as file:
        file.write(b'{"torn": ')
    resumed, found = again(folder)
    assert (folder.path / "metrics.jsonl").read_bytes() == kept
    assert (resumed.epoch, resumed.step, resumed.closed) == (1, 2, True)
    assert (resumed.loss, resumed.validation, resumed.best) == (1.5, 0.5, (1, 0.5))
    assert resumed.remarks == ["said"]
    assert found.position["plugins"] == [["a", 1]]
    with numpy.load(folder.path / "weights.npz") as archive:
        assert archive["w"][0] == 0.5


@pytest.mark.parametrize("name", ["checkpoint.bin", "metrics.jsonl"])
def test_damage_begins_again_and_is_kept(folder, capsys, name):
    book = begun(folder)
    epoch(book, 0.5, 2)
    book.save(TENSORS, [])
    path = folder.path / name
    data = path.read_bytes()
    path.write_bytes(data[:70] + b"?" + data[71:])
    resumed, found = again(folder)
    assert found is None
    assert resumed.step == 0
    assert "checkpoint.bin is damaged" in capsys.readouterr().out
    assert sorted(p.name for p in (folder.path / "attempts" / "1").iterdir()) == [
        "checkpoint.bin",
        "metrics.jsonl",
        "status.json",
        "weights.npz",
    ]
    assert metrics.read(folder.path / "metrics.jsonl") == metrics.MetricFile()


def test_the_checkpoint_goes_when_the_result_stands(folder):
    begun(folder).save(TENSORS, [])
    folder.write_config({"units": 3})
    folder.finish({"state": "COMPLETED"})
    assert not (folder.path / "checkpoint.bin").exists()
    assert folder.state().name == "COMPLETED"


def test_a_result_stands_though_nothing_can_be_tidied(folder, monkeypatch):
    begun(folder).save(TENSORS, [])

    def refuse(path):
        raise OSError(5, "Input/output error")

    monkeypatch.setattr(durable, "remove", refuse)
    folder.write_config({"units": 3})
    folder.finish({"state": "COMPLETED"})
    assert folder.state().name == "COMPLETED"
