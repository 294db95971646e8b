"""The benchmark times what it says it times, against peers that compute the same."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from experiments.speed.__main__ import arguments
from experiments.speed.contender import CELLS, LIBRARIES, Contender, contenders
from experiments.speed.measure import Timing
from experiments.speed.ratio import best, ratio
from experiments.speed.report import as_data
from experiments.speed.size import Size, read_size
from experiments.speed.worker import Seconds, Worker

ROOT = Path(__file__).parents[2]
GATEKIT, KERAS = LIBRARIES[:2]
# The parts of Keras' stacked weights in the order in which they stand.
STACKED = {
    "lstm": ("input", "forget", "candidate", "output"),
    "peephole": ("input", "forget", "candidate", "output"),
    "gru": ("update", "reset", "candidate"),
    "gru_reset_after": ("update", "reset", "candidate"),
}


def timing(library: str, mode: str, walls: list[float], cpus: list[float] | None = None) -> Timing:
    """Return a timing with given rounds."""
    (found,) = [entry for entry in LIBRARIES if entry.name == library]
    rounds = [Seconds(w, c) for w, c in zip(walls, cpus or walls, strict=True)]
    return Timing(Contender(found, "lstm", mode), "", Seconds(1.0, 1.0), rounds)


def test_a_size_is_read_and_written() -> None:
    size = read_size("32,100,64,128")
    assert size == Size(batch=32, time=100, features=64, units=128)
    assert read_size(str(size)) == size


@pytest.mark.parametrize("text", ["32,100,64", "32,100,64,0", "32,100,64,-1", "a,b,c,d", ""])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"32,100,32,64"):
        read_size(text)


def test_the_defaults_are_those_of_the_claim() -> None:
    asked = arguments([])
    assert asked.sizes == [Size(batch=32, time=100, features=32, units=64)]
    assert asked.cells == ["lstm", "peephole", "gru", "gru_reset_after"]
    assert (asked.threads, asked.pairs, asked.clock, asked.every_step) == (1, 7, "wall", False)


@pytest.mark.parametrize("cell", CELLS)
def test_a_cell_is_timed_in_every_mode_of_everybody_who_has_it(cell: str) -> None:
    assert [str(c) for c in contenders(cell)] == [
        "gatekit graph",
        "gatekit xla",
        "keras graph",
        "keras xla",
        "keras unrolled",
    ]


def test_a_cell_that_keras_does_not_have_is_timed_alone() -> None:
    assert {c.library.name for c in contenders("on_lstm")} == {"gatekit"}


def test_a_ratio_is_taken_pair_by_pair() -> None:
    # The medians of both are 2, and yet the peer took longer in three rounds of four.
    own = timing("gatekit", "xla", [1.0, 1.0, 3.0, 3.0])
    peer = timing("keras", "xla", [1.5, 1.2, 2.5, 6.0])
    found = ratio(own, peer, "wall")
    assert found.median == pytest.approx((1.2 + 1.5) / 2)
    assert found.low == pytest.approx(1.2 - 0.25 * (1.2 - 2.5 / 3))
    assert found.high == pytest.approx(1.5 + 0.25 * (2.0 - 1.5))


def test_a_single_pair_has_no_spread() -> None:
    found = ratio(timing("gatekit", "xla", [1.0]), timing("keras", "xla", [2.0]), "wall")
    assert (found.low, found.median, found.high) == (2.0, 2.0, 2.0)


def test_gatekit_is_compared_with_the_best_mode_by_the_clock_that_was_asked_for() -> None:
    timings = [
        timing("keras", "graph", [3.0, 3.0], [1.0, 1.0]),
        timing("keras", "xla", [2.0, 2.0], [2.0, 2.0]),
        timing("gatekit", "graph", [5.0, 5.0], [5.0, 5.0]),
        timing("gatekit", "xla", [4.0, 4.0], [4.0, 4.0]),
    ]
    assert [str(t.contender) for t in best(timings, "wall")] == ["gatekit xla", "keras xla"]
    assert [str(t.contender) for t in best(timings, "cpu")] == ["gatekit xla", "keras graph"]
    ratios = as_data("lstm", Size(), timings)["ratios"]
    assert (ratios["wall"][0]["median"], ratios["cpu"][0]["median"]) == (0.5, 0.25)


@pytest.mark.parametrize("cell", CELLS)
def test_peers_compute_the_same(cell: str) -> None:
    """Give Keras' layer gatekit's weights: their outputs agree, so that times are comparable."""
    import gatekit
    from experiments.speed.keras_step import layer

    x = np.random.default_rng(0).standard_normal((3, 7, 2))
    ours = gatekit.RNN(cell, units=4, return_sequences=True, seed=1, dtype="float64")
    theirs = layer(cell, 4, return_sequences=True, dtype="float64")
    ours(x)
    theirs(x)
    named = {name: np.asarray(value) for name, value in ours.named_weights.items()}
    rng = np.random.default_rng(1)
    # Random biases and peepholes, too: at zero a slip in them would not be seen.
    for name, value in named.items():
        if value.ndim == 1:
            named[name] = rng.standard_normal(value.shape)
            ours.named_weights[name].assign(named[name])
    expected = ours(x)
    theirs.set_weights(stacked(cell, named))
    np.testing.assert_allclose(theirs(x), expected, rtol=0, atol=1e-12)


def stacked(cell: str, named: dict[str, np.ndarray]) -> list[np.ndarray]:
    """Return gatekit's weights in the layout of Keras' layers."""
    recurrent = {"gru": {"candidate": "candidate.reset*h_prev"}}
    recurrent["gru_reset_after"] = {"candidate": "recurrent.h_prev"}
    own = recurrent.get(cell, {})
    parts = STACKED[cell]
    kernel = np.concatenate([named[f"{p}.x"] for p in parts], axis=1)
    square = np.concatenate([named[own.get(p, f"{p}.h_prev")] for p in parts], axis=1)
    bias = np.concatenate([named[f"{p}.bias"] for p in parts])
    if cell == "gru_reset_after":
        zeros = np.zeros_like(named["update.bias"])
        bias = np.stack([bias, np.concatenate([zeros, zeros, named["recurrent.bias"]])])
    weights = [kernel, square, bias]
    if cell == "peephole":
        read = {"input": "c_prev", "forget": "c_prev", "output": "c"}
        weights.append(np.stack([named[f"{gate}.{signal}"] for gate, signal in read.items()]))
    return weights


def test_a_step_trains() -> None:
    from experiments.speed.gatekit_step import make

    started = make("lstm", "graph", Size(batch=4, time=5, features=2, units=3), every_step=True)
    losses = [started.step() for _ in range(30)]
    assert losses[-1] < losses[0]
    assert "fused" in started.note


def test_a_contender_that_fails_is_named_with_what_it_wrote() -> None:
    contender = Contender(GATEKIT, "no_such_cell", "graph")
    with pytest.raises(RuntimeError, match="gatekit graph with no_such_cell at 1,2,3,4") as raised:
        Worker(contender, Size(1, 2, 3, 4), every_step=False, threads=1)
    assert "there is no cell 'no_such_cell'" in str(raised.value)


@pytest.mark.slow
def test_the_command_prints_a_table_and_writes_all_times(tmp_path: Path) -> None:
    words = ["--sizes", "2,4,3,5", "--cells", "lstm", "--pairs", "2", "--block", "0.01"]
    times = tmp_path / "times.json"
    done = subprocess.run(
        [sys.executable, "-m", "experiments.speed", *words, "--every-step", "--json", str(times)],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    assert "gatekit" in done.stdout
    found = json.loads(times.read_text(encoding="utf-8"))
    assert found["machine"]["threads"] == 1
    assert found["machine"]["cores"] == os.cpu_count()
    (result,) = found["results"]
    assert result["size"] == {"batch": 2, "time": 4, "features": 3, "units": 5}
    assert [(c["library"], c["mode"]) for c in result["contenders"]] == [
        ("gatekit", "graph"),
        ("gatekit", "xla"),
        ("keras", "graph"),
        ("keras", "xla"),
        ("keras", "unrolled"),
    ]
    for contender in result["contenders"]:
        assert len(contender["wall"]) == len(contender["cpu"]) == 2
        # The first call traces and compiles: no step later on takes as long.
        assert contender["first_call"]["wall"] > max(contender["wall"]) > 0
