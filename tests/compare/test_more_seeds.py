"""Looking at a study between seeds: killed at any moment, the same call goes on with one look."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from refused import at
from seams import (
    LOOKS,
    Comparison,
    import_bundle,
    more_seeds,
    print_table,
    records,
    write_bundle,
)
from seams import compare_runs as compare
from seams import comparison_answer as answer
from seams import interim_file as file
from seams import load_runs as load

import gatekit
from gatekit import ConfigError, RunError

from .synthetic import configuration, write_run

Shifts = dict[str, float]


class Sweep:
    """A sweep that writes runs at once; ``stop`` runs are written before it is killed."""

    def __init__(self, root: Path, shifts: Shifts) -> None:
        self.root, self.shifts = root, shifts
        self.stop = 10_000
        self.asked: list[int] = []

    def train(self, plan: int, show: object = None, stream: object = None) -> int:
        self.asked.append(plan)
        for seed in range(plan):
            for cell, shift in self.shifts.items():
                config = configuration(cell, seed)
                rng = np.random.default_rng([seed, len(cell)])
                folder = self.root / "demo" / "runs" / f"{cell[:1].encode().hex()}{seed:014d}"
                if folder.exists():
                    continue
                if not self.stop:
                    raise KeyboardInterrupt
                self.stop -= 1
                write_run(folder.parent, config, 9.0 + shift + rng.normal(0, 0.1), name=folder.name)
        return 0


@pytest.fixture
def sweep(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[..., Sweep]]:
    """Return a function that begins a study with three seeds and replaces its launcher."""

    def begin(**shifts: float) -> Sweep:
        running = Sweep(tmp_path, {"lstm": 0.0, **shifts})
        running.train(3)
        running.asked.clear()
        present = len(list((tmp_path / "demo" / "runs").iterdir())) // len(running.shifts)
        monkeypatch.setattr(more_seeds, "run_plan", running.train)
        monkeypatch.setattr(
            more_seeds, "extension", lambda study, root, seeds, *_: (seeds, present)
        )
        monkeypatch.setattr(more_seeds, "first_seeds", lambda _, seeds: seeds)
        return running

    return begin


def extend(root: Path, **options: Any) -> list[str]:
    lines: list[str] = []
    how = {"most": 20, "asked": {}, "show": lines.append, **options}
    assert more_seeds.until_decided("demo", root, **how) == 0
    return lines


def interim(root: Path) -> file.InterimAnalyses:
    found = file.read(root / "demo")
    assert found is not None
    return found


def test_seeds_are_added_until_every_difference_is_decided(
    sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    running = sweep(gru=-1.0, rnn=0.1)
    lines = extend(tmp_path)
    found = interim(tmp_path)
    assert running.asked == list(found.seeds) == list(range(10, found.seeds[-1] + 1, 2))
    assert 10 < found.seeds[-1] < 20
    assert found.decisions == {"gru": "better", "rnn": "worse"}
    assert lines[-1] == "Every difference is decided."
    # What the first look decided has the p value and the number of seeds of that look.
    gru, rnn = (
        next(r for r in records(compare("demo", tmp_path)) if r["group"] == g)
        for g in ("gru", "rnn")
    )
    assert (gru["look"], gru["look_seeds"], gru["most_seeds"]) == (1, 10, 20)
    assert gru["p"] < gru["alpha"] < rnn["alpha"]
    assert rnn["look_seeds"] == found.seeds[-1]
    # Again there is nothing to do.
    before = (tmp_path / "demo" / LOOKS).read_bytes()
    assert extend(tmp_path, most=None)[-1] == "Every difference is decided."
    assert (tmp_path / "demo" / LOOKS).read_bytes() == before


def test_the_most_seeds_end_the_looks(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    sweep(gru=0.0)
    lines = extend(tmp_path, step=5)
    assert interim(tmp_path).seeds == (10, 15, 20)
    assert interim(tmp_path).alpha == 0.05
    assert lines[-1] == "Still open at the maximum of 20 seeds: gru."


def test_killed_at_any_moment_the_same_call_takes_the_same_looks(
    sweep: Callable[..., Sweep], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    running = sweep(gru=0.0)
    append = file.append
    for kill in ("run", "before", "after", "torn"):
        with monkeypatch.context() as patch:
            running.stop = 5 if kill == "run" else 10_000

            def killed(study: Path, found: file.InterimAnalyses, kill: str = kill) -> None:
                if kill != "before":
                    append(study, found)
                if kill == "torn":
                    path = study / LOOKS
                    path.write_bytes(path.read_bytes()[:-30])
                raise KeyboardInterrupt

            patch.setattr(file, "append", killed)
            with pytest.raises(KeyboardInterrupt):
                extend(tmp_path, step=5)
        running.stop = 10_000
    # The look that was written before the kill counts; the torn one is taken again.
    assert interim(tmp_path).seeds == (10,)
    extend(tmp_path, step=5)
    assert interim(tmp_path).seeds == (10, 15, 20)
    assert interim(tmp_path).decisions == {"gru": "open"}


def test_a_look_on_the_same_results_is_not_a_new_look(
    sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    sweep(gru=0.0).train(10)
    first = more_seeds.analyse("demo", tmp_path, 10, 20, {})
    again = more_seeds.analyse("demo", tmp_path, 10, 20, {})
    assert interim(tmp_path).seeds == (10,)
    assert first.notes == again.notes
    assert len((tmp_path / "demo" / LOOKS).read_bytes().splitlines()) == 1


def test_seeds_beyond_the_last_look_wait(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    running = sweep(gru=0.0)
    running.train(10)
    more_seeds.analyse("demo", tmp_path, 10, 20, {})
    before = compare("demo", tmp_path)
    running.stop = 3
    with pytest.raises(KeyboardInterrupt):
        running.train(12)
    after = compare("demo", tmp_path)
    assert records(after) == records(before)
    note = "3 runs have seeds beyond the last look and wait for the next `gatekit extend`"
    assert note in after.notes


def test_tables_and_sentences_state_the_looks(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    sweep(gru=0.0)
    extend(tmp_path, step=5)
    comparison = compare("demo", tmp_path)
    assert (
        "looked at 3 times, at 10, 15, 20 of at most 20 seeds; alpha spent 0.05 of 0.05"
    ) in comparison.notes
    verdicts = [row.verdict for row in comparison.rows if row.verdict]
    assert ", look 3 at 20 of at most 20 seeds, alpha spent 0.05)" in verdicts[0]
    other = compare("demo", tmp_path, baseline="gru")
    assert (
        "the looks compared groups or baselines that differ from those of this table" in other.notes
    )


def test_fewer_seeds_than_looks_need_are_said_to_be_too_few(
    sweep: Callable[..., Sweep], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Without looks six seeds are enough, and with looks eight; a star is not p below 0.05."""
    sweep(gru=-0.06).train(10)
    more_seeds.analyse("demo", tmp_path, 10, 20, {})
    print_table(compare("demo", tmp_path))
    assert "* decided: p below 0.05" not in capsys.readouterr().out
    some = compare("demo", tmp_path, where=["seed=0,1,2,3,4,5"])
    assert answer(some).first.endswith("6 seeds, but a verdict needs 8.")
    assert "a verdict needs at least 8 seeds" in some.notes


def test_a_bundle_takes_the_looks_along(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    sweep(gru=-1.0, rnn=0.1)
    extend(tmp_path)
    bundle, elsewhere = tmp_path / "demo.zip", tmp_path / "elsewhere"
    write_bundle(load("demo", tmp_path), bundle)
    import_bundle(bundle, elsewhere)
    comparison, imported = compare("demo", tmp_path), compare("demo", elsewhere)
    assert imported.study.interim == interim(tmp_path)
    assert imported.notes == comparison.notes
    assert [(r.name, r.verdict) for r in imported.rows] == [
        (r.name, r.verdict) for r in comparison.rows
    ]


@pytest.mark.parametrize(
    ("options", "error"),
    [
        ({"most": 30}, "type --most 20"),
        ({"asked": {"baseline": "gru"}}, "Omit the options"),
    ],
)
def test_what_the_first_look_fixed_cannot_change(
    sweep: Callable[..., Sweep], tmp_path: Path, options: dict[str, Any], error: str
) -> None:
    sweep(gru=0.0).train(10)
    more_seeds.analyse("demo", tmp_path, 10, 20, {})
    with pytest.raises(ConfigError, match=error):
        extend(tmp_path, **options)


def test_python_asks_for_a_look_as_the_command_does(
    sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    sweep(gru=-1.0)
    asked: dict[str, Any] = {"by": "cell", "where": {"cell": ["lstm", "gru"]}}
    found = gatekit.extend("demo", root=tmp_path, most=8, **asked)
    assert found.study.interim is not None
    assert interim(tmp_path).asked == {"by": ["cell"], "where": ["cell=lstm,gru"]}
    extend(tmp_path, most=None, asked={"by": ["cell"], "where": ["cell=lstm,gru"]})


def test_the_first_look_needs_the_most_seeds(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    sweep(gru=0.0)
    with pytest.raises(ConfigError, check=at("most")):
        extend(tmp_path, most=None)
    with pytest.raises(ConfigError, match="--seeds 7 to add seeds without looks"):
        extend(tmp_path, most=7)


def test_other_groups_are_refused(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    running = sweep(gru=0.0)
    running.train(10)
    more_seeds.analyse("demo", tmp_path, 10, 20, {})
    running.shifts["rnn"] = 0.0
    running.train(12)
    with pytest.raises(ConfigError, match="added: rnn"):
        more_seeds.analyse("demo", tmp_path, 12, 20, {})
    assert interim(tmp_path).seeds == (10,)


def test_changed_results_are_refused(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    running = sweep(gru=0.0)
    running.train(10)
    more_seeds.analyse("demo", tmp_path, 10, 20, {})
    result = next((tmp_path / "demo" / "runs").glob("67*")) / "result.json"
    result.write_bytes(result.read_bytes().replace(b"COMPLETED", b"COMPLETEE"))
    with pytest.raises(RunError, match="changed since look 1"):
        more_seeds.analyse("demo", tmp_path, 12, 20, {})


def test_missing_runs_take_no_look(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    running = sweep(gru=0.0)
    running.train(10)
    run = next((tmp_path / "demo" / "runs").glob("67*"))
    (run / "result.json").unlink()
    with pytest.raises(RunError, match=r"no look was taken: gru is missing 1 run"):
        more_seeds.analyse("demo", tmp_path, 10, 20, {})
    assert file.read(tmp_path / "demo") is None


def test_one_group_has_nothing_to_look_at(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    sweep().train(10)
    with pytest.raises(ConfigError, match="has one group"):
        more_seeds.analyse("demo", tmp_path, 10, 20, {})


def test_a_damaged_file_of_looks_gives_no_verdict(
    sweep: Callable[..., Sweep], tmp_path: Path
) -> None:
    sweep(gru=0.0).train(10)
    more_seeds.analyse("demo", tmp_path, 10, 20, {})
    path = tmp_path / "demo" / LOOKS
    path.write_bytes(path.read_bytes().replace(b"most", b"mosT"))
    for read in (lambda: load("demo", tmp_path), lambda: extend(tmp_path)):
        with pytest.raises(RunError, match="the number of looks at the study is unknown"):
            read()


def test_seeds_alone_are_refused_after_a_look(sweep: Callable[..., Sweep], tmp_path: Path) -> None:
    running = sweep(gru=0.0)
    assert more_seeds.add_seeds("demo", tmp_path, 6, show=lambda _: None) == 0
    assert running.asked == [6]
    running.train(10)
    more_seeds.analyse("demo", tmp_path, 10, 20, {})
    with pytest.raises(ConfigError, match="looked at 1 time;"):
        more_seeds.add_seeds("demo", tmp_path, 12)


def test_several_tasks_are_decided_over_looks(tmp_path: Path) -> None:
    rng = np.random.default_rng(3)
    runs = tmp_path / "demo" / "runs"
    for task in ("one", "two"):
        for cell in ("lstm", "gru"):
            for seed in range(10):
                config = configuration(cell, seed, task__name=task)
                write_run(runs, config, rng.normal(9 - 2 * (cell == "gru"), 0.1))
    comparison: Comparison = more_seeds.analyse("demo", tmp_path, 10, 20, {})
    (gru, *_) = [r for r in records(comparison) if r["group"].startswith("gru")]
    assert gru["normalised_decision"] == "better"
    assert gru["normalised_p"] == 2**-9
