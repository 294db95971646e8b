"""The benchmark's arithmetic: what is planned, compared and told; nothing depends on a timing."""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import processes
import pytest

from experiments.speed.__main__ import arguments, main
from experiments.speed.choice import chosen
from experiments.speed.contender import CELLS, LIBRARIES, Contender, contenders
from experiments.speed.figure import draw
from experiments.speed.plan import CHUNK_SIZES, LONG, SHORT, SIZES, planned
from experiments.speed.ratio import best, ratio
from experiments.speed.report import markdown
from experiments.speed.results import Race, Results, Timing, read
from experiments.speed.size import Size, read_size
from experiments.speed.targets import verdicts
from experiments.speed.worker import FailedError, Worker

ROOT = Path(__file__).parents[2]
SMALL = SHORT[0]


def timing(library: str, mode: str, walls: list[float], cpus: list[float] | None = None) -> Timing:
    """Return a timing with given rounds."""
    return Timing(library, mode, wall=walls, cpu=cpus or walls)


def race(*timings: Timing, cell: str = "lstm", size: Size = SMALL, what: str = "train") -> Race:
    """Return a race of one thread."""
    return Race(cell, size, what, 1, False, list(timings))


def results(*races: Race) -> Results:
    """Return results of some machine."""
    machine = {"processor": "a", "cores": 1, "python": "3", "system": "s", "versions": {"n": "1"}}
    return Results(machine, {}, list(races))


def test_a_size_is_read_and_written() -> None:
    size = read_size("32,100,64,128")
    assert size == Size(batch=32, time=100, features=64, units=128)
    assert read_size(str(size)) == size


@pytest.mark.parametrize("text", ["32,100,64", "32,100,64,0", "32,100,64,-1", "a,b,c,d", ""])
def test_what_is_no_size_is_refused_with_an_example(text: str) -> None:
    with pytest.raises(ValueError, match=r"32,100,32,64"):
        read_size(text)


@pytest.mark.parametrize(
    ("typed", "why"),
    [
        (["--cells", "lstm,gruu"], "there is no cell 'gruu'; there are lstm, gru"),
        (["--contenders", "keras.fast"], "there is no contender 'keras.fast'"),
        (["--what", "speed"], "there is no measurement 'speed'"),
        (["--threads", "0"], "a whole number from 1"),
        (["--sizes", "1,2,3"], "as in 32,100,32,64"),
        (["--targets"], "give the folder of results.json with --to FOLDER"),
    ],
)
def test_what_is_typed_wrong_is_refused(typed: list[str], why: str, capsys: Any) -> None:
    with pytest.raises(SystemExit):
        arguments(typed)
    assert why in capsys.readouterr().err


def test_by_default_everything_that_the_targets_speak_of_is_planned() -> None:
    parts = planned(None, None, None, [1])
    have = {(part.cell, part.size, what) for part in parts for what in part.whats}
    for size in SHORT:
        assert ("slstm", size, "train") in have
        assert ("gru_reset_after", size, "forward") in have
    assert {("lstm", size, "train") for size in SIZES} <= have
    assert {("mingru", LONG, "train"), ("sru_v1", LONG, "train"), ("lstm", LONG, "memory")} <= have


def test_what_is_chosen_is_planned_and_nothing_else() -> None:
    (part,) = planned(["gru"], [LONG], ["forward"], [2])
    assert (part.cell, part.size, part.whats, part.threads) == ("gru", LONG, ("forward",), 2)
    assert len(planned(["gru"], None, None, [1, 2])) == 2 * len(SIZES)


@pytest.fixture(name="_all_installed")
def _all_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.speed.contender.find_spec", lambda name: name)


@pytest.mark.usefixtures("_all_installed")
def test_a_cell_is_timed_in_every_mode_of_everybody_who_has_it() -> None:
    keys = [c.key for c in contenders("lstm", SMALL)]
    assert keys[:5] == [
        "gatekit.graph",
        "gatekit.xla",
        "keras.graph",
        "keras.xla",
        "keras.unrolled",
    ]
    assert {"torch.eager", "jax.scan", "jax.hoisted", "floor.numpy"} <= set(keys)
    assert "keras-cell.xla" not in keys  # it would be Keras' own layer once more
    assert "keras-cell.xla" in [c.key for c in contenders("lstm", SMALL, ("keras-cell",))]
    assert "keras-cell.xla" in [c.key for c in contenders("mgu", SMALL)]
    assert not any(key.startswith("torchrecurrent") for key in keys)
    assert "torchrecurrent.eager" in [c.key for c in contenders("mgu", SMALL)]


@pytest.mark.usefixtures("_all_installed")
def test_modes_run_where_they_are_worth_it_or_asked_for() -> None:
    def own(cell: str, size: Size, chosen: tuple[str, ...] = ("gatekit",)) -> list[str]:
        return [c.mode for c in contenders(cell, size, chosen)]

    assert own("lstm", SMALL) == ["graph", "xla"]
    assert own("lstm", SHORT[2]) == ["graph", "xla", "bfloat16-graph"]
    assert own("lstm", LONG) == ["graph", "xla"]
    assert own("mingru", LONG) == ["graph", "xla", "reference-graph"]
    assert own("lstm", SMALL, ("gatekit.unroll-graph",)) == ["unroll-graph"]
    assert "unrolled" not in [c.mode for c in contenders("lstm", LONG, ("keras",))]


def test_what_is_not_installed_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("experiments.speed.contender.find_spec", lambda name: name != "jax" or None)
    assert not any(c.library.name == "jax" for c in contenders("lstm", SMALL))
    assert [library.missing() for library in LIBRARIES if library.name == "jax"] == [["jax"]]


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
    found = race(
        timing("keras", "graph", [3.0, 3.0], [1.0, 1.0]),
        timing("keras", "xla", [2.0, 2.0], [2.0, 2.0]),
        timing("gatekit", "graph", [5.0, 5.0], [5.0, 5.0]),
        timing("gatekit", "xla", [4.0, 4.0], [4.0, 4.0]),
        timing("gatekit", "bfloat16-graph", [1.0, 1.0], [1.0, 1.0]),
    )
    assert [str(t) for t in best(found, "wall")] == ["gatekit xla", "keras xla"]
    assert [str(t) for t in best(found, "cpu")] == ["gatekit xla", "keras graph"]


def test_results_are_read_as_they_were_written_and_replaced_when_run_again(tmp_path: Path) -> None:
    first, again = (race(timing("gatekit", "xla", [seconds])) for seconds in (1.0, 2.0))
    other = race(timing("jax", "scan", [1.0]), cell="gru", size=LONG)
    found = results(first, other)
    found.add([again])
    found.write(tmp_path / "new" / "results.json")
    assert read(tmp_path / "new" / "results.json") == results(again, other)
    (tmp_path / "old.json").write_text('{"schema": 1}')
    with pytest.raises(ValueError, match="schema 1"):
        read(tmp_path / "old.json")


def test_each_target_tells_whether_it_is_met() -> None:
    def took(cell: str, size: Size, own: float, **peers: float) -> Race:
        times = [timing("gatekit", "xla", [own])]
        mode = {"keras": "xla", "keras_cell": "graph", "torch": "eager", "jax": "scan"}
        for name, seconds in peers.items():
            times.append(timing(name.replace("_", "-"), mode.get(name, "numpy"), [seconds]))
        return race(*times, cell=cell, size=size)

    one, two, _ = SHORT
    told = {
        v.what: v
        for v in verdicts(
            results(
                took("lstm", one, 1.0, keras=1.5, torch=0.9, jax=1.1, floor=0.5),
                took("lstm", two, 1.0, keras=1.06, torch=0.9, floor=0.75),
                took("gru", one, 1.0, keras=1.2, jax=0.9),
                took("peephole", one, 1.0, keras_cell=2.0),
                took("mgu", two, 1.0, keras_cell=0.85),
            ),
            "wall",
        )
    }
    outcome = {what: v.outcome for what, v in told.items()}
    assert outcome["lstm over its matrix products, 256"] == "not measured"
    assert outcome["lstm against torch, 64"] == "must met"
    assert outcome["lstm against torch, 128"] == "missed"
    assert outcome["lstm over its matrix products, 64"] == "missed"
    assert outcome["lstm over its matrix products, 128"] == "must met"
    assert "0.90x" in told["lstm and gru against jax, every size"].measured
    assert outcome["lstm and gru against jax, every size"] == "missed"
    several = told["a training step against Keras"]
    assert several.measured == "mean 1.27x of 5, lowest 0.85x (mgu, 128)"
    assert several.outcome == "missed"  # for one of them is slower


def test_memory_executors_and_types_have_their_targets() -> None:
    def peak(library: str, mode: str, peak: int) -> Timing:
        return Timing(library, mode, wall=[1.0], cpu=[1.0], base=2**20, peak=peak * 2**20)

    memory = race(
        peak("gatekit", "xla", 61),
        peak("keras", "xla", 101),
        size=LONG,
        what="memory",
    )
    affine = race(
        timing("gatekit", "graph", [1.0]),
        timing("gatekit", "reference-graph", [7.0]),
        cell="mingru",
        size=LONG,
    )
    wide = race(
        timing("gatekit", "graph", [1.5]),
        timing("gatekit", "bfloat16-graph", [1.0]),
        size=SHORT[2],
    )
    told = {v.what: v for v in verdicts(results(memory, affine, wide), "wall")}
    memory_target = told["memory above the libraries, xla, time 4096"]
    assert memory_target.outcome == "must met"
    assert "0.60x" in memory_target.measured
    assert "60 of 100 MiB" in memory_target.measured
    assert told["mingru, affine over reference, time 4096"].outcome == "must met"
    assert told["mixed_bfloat16 over float32, lstm, 256"].outcome == "aim met"


def test_everything_is_told_in_markdown_and_drawn(tmp_path: Path) -> None:
    about = {"when": "2026-01-02T03:04", "revision": "abc", "pairs": 3, "load": [0.1, 0, 0]}
    found = results(
        race(timing("gatekit", "xla", [1e-3] * 3), timing("jax", "scan", [2e-3, 2e-3, 3e-3])),
        race(Timing("gatekit", "xla", wall=[1], cpu=[1], base=2**20, peak=2**22), what="memory"),
    )
    found.races[0].about.update(about)
    text = markdown(found, "wall")
    assert "| lstm | 32,100,32,64 | xla | 2.00x (2.00 to 2.50) scan |" in text
    assert "| lstm | 32,100,32,64 | **1.00** | **2.00** |" in text
    assert "| lstm | 32,100,32,64 | 0.0 | 0.0 |" in text
    assert "| lstm | 32,100,32,64 | gatekit xla | 4 | 3 |" in text
    assert "revision abc; 3 rounds" in text
    assert draw(found, tmp_path / "a.svg", "wall")
    assert draw(found, tmp_path / "b.svg", "wall")
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    assert not draw(found, tmp_path / "c.svg", "wall", "forward")


def test_targets_are_told_from_results_alone(tmp_path: Path, capsys: Any) -> None:
    found = results(race(timing("gatekit", "xla", [1.0]), timing("keras", "xla", [1.3])))
    found.write(tmp_path / "results.json")
    main(["--targets", "--to", str(tmp_path)])
    printed = capsys.readouterr().out
    assert "1.30x" in printed
    assert max(map(len, printed.splitlines())) <= 100


def test_what_would_run_is_listed(capsys: Any) -> None:
    main(["--list", "--cells", "gru", "--sizes", "2,3,4,5", "--contenders", "gatekit"])
    printed = capsys.readouterr().out
    assert printed == "gru 2,3,4,5 train+forward, threads 1: gatekit graph, gatekit xla\n"


def test_every_option_and_contender_is_documented(capsys: Any) -> None:
    page = (ROOT / "experiments/speed/README.md").read_text(encoding="utf-8")
    with pytest.raises(SystemExit):
        arguments(["--help"])
    options = set(re.findall(r"--[a-z-]+", capsys.readouterr().out)) - {"--help"}
    assert [o for o in options if f"| `{o}` |" not in page] == []
    assert [
        n for library in LIBRARIES for n in (library.name, *library.modes) if f"`{n}`" not in page
    ] == []


def test_every_cell_is_bundled() -> None:
    from gatekit.registry import cell_names

    assert set(CELLS) <= set(cell_names())


@pytest.mark.slow
def test_a_contender_that_fails_is_named_with_what_it_wrote() -> None:
    contender = Contender(LIBRARIES[0], "no_such_cell", "graph")
    with pytest.raises(FailedError, match="no_such_cell at 1,2,3,4") as raised:
        Worker(contender, Size(1, 2, 3, 4), every_step=False, threads=1)
    assert "no_such_cell" in str(raised.value)


def test_cells_in_chunks_have_their_sizes_and_contenders(
    capsys: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("experiments.speed.contender.find_spec", lambda name: name)
    main(["--chunks", "--list", "--cells", "gla,retnet"])
    lines = capsys.readouterr().out
    assert "gla 2,16384,64,64 train+memory" in lines.replace("\n", " ")
    assert "keras-chunk xla, torch-chunk eager" in " ".join(lines.split())


def test_chunk_is_compared_with_fused_and_by_hand() -> None:
    stacked, chunk = (
        timing("gatekit", "stacked-graph", [8.0]),
        timing("gatekit", "chunk-xla", [2.0]),
    )
    hand = timing("keras-chunk", "graph", [3.0])
    found = verdicts(results(race(stacked, chunk, hand, cell="gla", size=CHUNK_SIZES[0])), "wall")
    measured = {v.what: (v.measured.split()[0], v.outcome) for v in found if v.measured}
    assert measured == {
        "gla, chunk against stacked, time 1024": ("4.00x", "aim met"),
        "gla, chunk against a chunkwise layer by hand": ("1.50x", "aim met"),
    }


def test_the_choice_of_auto_is_compared_with_the_best_by_name_in_each_mode() -> None:
    took = {"stacked-graph": 2.0, "chunk-graph": 3.0, "stacked-xla": 4.0, "chunk-xla": 1.0}
    timings = [timing("gatekit", mode, [seconds]) for mode, seconds in took.items()]
    found = results(*(race(*timings, cell="gla", what=what) for what in ("train", "forward")))
    found.add([race(timing("keras", "graph", [0.5]))])
    over = [(c.race.what, c.mode, c.default, c.best, c.over) for c in chosen(found, "wall")]
    assert over == [
        ("train", "graph", "chunk", "stacked-graph", 1.5),
        ("train", "xla", "chunk", "chunk-xla", 1.0),
        ("forward", "graph", "chunk", "stacked-graph", 1.5),
        ("forward", "xla", "stacked", "chunk-xla", 4.0),
    ]


def test_the_choice_is_measured_among_executors_that_can_run_the_cell_and_goes_on(
    tmp_path: Path, capsys: Any
) -> None:
    words = ["--choice", "--cells", "lstm,delta_net", "--to", str(tmp_path), "--list"]
    words += ["--sizes", "8,64,64,64", "8,512,64,64"]
    main(words)
    lines = " ".join(capsys.readouterr().out.split())
    assert "delta_net 8,512,64,64 train+forward, threads 1: gatekit stacked-graph" in lines
    assert lines.count("affine") == 0
    assert lines.count("gatekit chunk-xla") == 2
    size = Size(8, 64, 64, 64)
    done = [
        race(timing("gatekit", "stacked-xla", [1.0]), size=size, what=w)
        for w in ("train", "forward")
    ]
    results(*done).write(tmp_path / "results.json")
    main(words)
    assert capsys.readouterr().out.count("lstm") == 1


@pytest.mark.weekly
def test_the_command_measures_and_writes(tmp_path: Path) -> None:
    words = ["--sizes", "2,4,3,8", "--cells", "lstm", "--pairs", "2", "--block", "0.01"]
    words += ["--contenders", "gatekit.graph,keras.graph,floor"]
    words += ["--what", "train,memory", "--every-step", "--to", str(tmp_path)]
    done = processes.run(
        [sys.executable, "-m", "experiments.speed", *words],
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stderr
    assert max(map(len, done.stdout.splitlines())) <= 100
    document = json.loads((tmp_path / "results.json").read_text(encoding="utf-8"))
    assert document["machine"]["cores"] >= 1
    found = read(tmp_path / "results.json")
    assert [(r.what, r.every_step, r.failed) for r in found.races] == [
        ("train", True, {}),
        ("memory", True, {}),
    ]
    for one in found.races:
        names = [str(t) for t in one.timings]
        assert names == ["gatekit graph", "keras graph", "floor numpy"]
        for entry in one.timings:
            assert len(entry.wall) == len(entry.cpu) == (1 if one.what == "memory" else 2)
            assert entry.peak >= entry.base > 0
            assert entry.parameters in (4 * 8 * (3 + 8 + 1),)
    # The first call traces and compiles: no step later on takes as long.
    compiled = found.races[0].timings[0]
    assert compiled.first_call > max(compiled.wall) > 0
    assert compiled.build > 0
    assert (tmp_path / "results.md").exists()
    assert (tmp_path / "results.md").read_text(encoding="utf-8").count("\n| lstm |") == 6
