"""Equal draws for every variant, searches that go on, the best again on fresh seeds."""

import functools
import json
import math
import os
import types
from collections import Counter
from pathlib import Path

import numpy
import pytest
import yaml
from compare.synthetic import configuration, write_run
from inline import Inline
from refused import saying
from seams import (
    SearchChoice,
    SearchInterval,
    compose,
    composition,
    confirming,
    main,
    plan,
    recorded,
    survey,
    value_of,
)
from seams import confirm_best as best
from seams import launch_package as launching
from seams import optuna as tuned
from seams import search as searching

from gatekit import ConfigError

pytestmark = pytest.mark.usefixtures("place")
RATE = "optimizer.learning_rate=tag(log,interval(1e-4,1e-1))"
RANDOM = ["-m", "hydra/sweeper=random", "task=sum", RATE]


def rates(configs):
    return [config["optimizer"]["learning_rate"] for config in configs]


def score(config):
    """Return a score that is best at a rate which differs between cells."""
    target = {"lstm": -2.0, "gru": -3.0}[config["cell"]["name"]]
    return (math.log10(config["optimizer"]["learning_rate"]) - target) ** 2 + 1e-4 * config["seed"]


# -- draws ------------------------------------------------------------------------------------


def test_every_variant_has_the_same_draws_and_as_many():
    runs = plan([*RANDOM, "cell=lstm,gru", "trials=7"]).runs
    by = {
        n: rates(r.config for r in runs if r.config["cell"]["name"] == n) for n in ("lstm", "gru")
    }
    assert by["lstm"] == by["gru"]
    assert len(set(by["lstm"])) == 7
    assert [r.config["cell"]["name"] for r in runs[:4]] == ["lstm", "gru", "lstm", "gru"]


def test_more_trials_keep_the_first_and_another_seed_draws_others():
    few = rates(r.config for r in plan([*RANDOM, "trials=3"]).runs)
    more = rates(r.config for r in plan([*RANDOM, "trials=5"]).runs)
    others = rates(r.config for r in plan([*RANDOM, "trials=3", "hydra.sweeper.seed=1"]).runs)
    assert more[:3] == few
    assert not set(others) & set(few)


def test_another_searched_key_leaves_the_draws_of_the_first():
    alone = rates(r.config for r in plan([*RANDOM, "trials=4"]).runs)
    words = ["trainer.batch=int(interval(2,64))", "dropout=choice(0.0,0.5)", "trials=4"]
    runs = plan([*RANDOM, *words]).runs
    assert rates(r.config for r in runs) == alone
    assert all(2 <= r.config["trainer"]["batch"] <= 64 for r in runs)
    assert {r.config["dropout"] for r in runs} <= {0.0, 0.5}


def test_a_drawn_run_is_what_its_words_make():
    run = plan([*RANDOM, "trials=2"]).runs[1]
    (again,) = plan([w for w in run.words if not w.startswith("study=")]).runs
    assert again.fingerprint == run.fingerprint


def test_a_drawn_group_is_composed():
    words = ["-m", "hydra/sweeper=random", "task=sum", "optimizer=choice(sgd,adam)", "trials=6"]
    runs = plan(words).runs
    names = Counter(r.config["optimizer"]["name"] for r in runs)
    assert set(names) == {"sgd", "adam"}
    momenta = {r.config["optimizer"].get("momentum") for r in runs}
    assert momenta == {0.9, None}


def experiment(sweep, *words):
    """Return the configurations of an experiment with a sweep of its own."""
    path = Path("conf/experiment/mine.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    sweep = json.dumps({"hydra": {"mode": "MULTIRUN", "sweeper": sweep}})
    path.write_text(f"# @package _global_\n{sweep}\n")
    return [config for _, config in compose(["experiment=mine", "task=sum", *words])]


def test_what_is_typed_replaces_what_an_experiment_searches():
    sweep = {"params": {"units": "3,4", "dropout": "choice(0.1,0.2)"}}
    words = ["hydra/sweeper=random", "trials=1"]
    found = experiment(sweep, *words)
    assert [config.units for config in found] == [3, 4]
    assert {config.dropout for config in found} < {0.1, 0.2}
    (found,) = experiment(sweep, *words, "units=choice(5,6)", "dropout=0.3")
    assert (found.units in (5, 6), found.dropout) == (True, 0.3)


@pytest.mark.parametrize("sweeper", [["hydra/sweeper=random", "trials=1", RATE], []])
def test_the_configurations_of_all_grids_count(sweeper, monkeypatch):
    sweep = {"grids": [{"cell": "gru", "units": "3,4"}, {"cell": "lstm", "units": "3,4"}]}
    monkeypatch.setattr(searching, "MAX_JOBS", 4)
    assert len(experiment(sweep, *sweeper)) == 4
    monkeypatch.setattr(searching, "MAX_JOBS", 3)
    with pytest.raises(ConfigError, match="this sweep has 4 configurations"):
        experiment(sweep, *sweeper)


def test_draws_keep_their_bounds_and_spread():
    random = numpy.random.default_rng(0)
    draws = [float(SearchInterval(1e-4, 1e-1, log=True).draw(random)) for _ in range(2000)]
    assert 1e-4 <= min(draws) < 1.2e-4
    assert 0.08 < max(draws) <= 1e-1
    assert abs(numpy.mean(numpy.log10(draws)) + 2.5) < 0.06
    whole = Counter(SearchInterval(3, 5, whole=True).draw(random) for _ in range(3000))
    assert set(whole) == {"3", "4", "5"}
    assert min(whole.values()) > 850
    below = Counter(SearchInterval(-2, 1, whole=True).draw(random) for _ in range(4000))
    assert set(below) == {"-2", "-1", "0", "1"}
    assert min(below.values()) > 850
    assert {SearchChoice(("a", "b")).draw(random) for _ in range(50)} == {"a", "b"}


@pytest.mark.parametrize(
    ("words", "check"),
    [
        (["trials=3", "hydra/sweeper=random"], saying("nothing is searched")),
        ([RATE, "hydra/sweeper=random"], saying("trials=200")),
        ([RATE, "hydra/sweeper=random", "trials=0"], saying("trials=0: how many draws")),
        ([RATE], saying("a grid needs listed values")),
        (["units=3,4", "trials=3"], saying("type hydra/sweeper=random trials=N")),
        (
            ["units=interval(9,3)", "hydra/sweeper=random", "trials=3"],
            saying("must be the smaller one"),
        ),
        (["units=interval(1,inf)", "hydra/sweeper=random", "trials=3"], saying("must be finite")),
        (["units=interval(nan,3)", "hydra/sweeper=random", "trials=3"], saying("must be finite")),
        (
            ["units=range(1,nan)", "hydra/sweeper=random", "trials=3"],
            saying("finite, and one is nan"),
        ),
        (["units=range(1,nan)"], saying("finite, and one is nan")),
        (["units=range(-inf,5)"], saying("finite, and one is -inf")),
        (["units=range(1,5,inf)"], saying("finite, and one is inf")),
        (
            ["units=range(5,5)", "hydra/sweeper=random", "trials=3"],
            saying("there is no value to draw"),
        ),
        (["dropout=tag(log,interval(0,1))", "hydra/sweeper=random", "trials=3"], saying("above 0")),
    ],
)
def test_what_cannot_be_searched_is_refused(words, check):
    with pytest.raises(ConfigError, check=check):
        compose(["-m", "task=sum", *words])


# -- Optuna -----------------------------------------------------------------------------------


def tuning(monkeypatch, backend, *words):
    """Run a search with a backend and return its plan and outcome."""
    monkeypatch.setattr(tuned, "launch", functools.partial(launching.launch, backend=backend))
    argv = ["-m", "hydra/sweeper=optuna", "hydra.sweeper.startup=4", "task=sum", *words]
    return tuned.tune(composition(argv).search, "gatekit train ...")


@pytest.mark.parametrize(
    ("opened", "used", "left"), [(0, 1, 3), (2, 1, 5), (1, 4, 1), (0, 4, 0), (1, 6, 1), (0, 6, 0)]
)
def test_what_is_left_of_four_trials_are_open_runs_and_unused_ones(opened, used, left):
    search = types.SimpleNamespace(
        open=[None] * opened, used=used, search=types.SimpleNamespace(trials=4)
    )
    assert tuned._VariantSearch.left(search) == left


@pytest.fixture
def optuna():
    return pytest.importorskip("optuna")


@pytest.mark.slow
def test_a_search_learns_for_each_variant_within_its_budget(monkeypatch, optuna):
    backend = Inline(score)
    _, outcome = tuning(monkeypatch, backend, RATE, "cell=lstm,gru", "trials=12")
    assert outcome.code == 0
    for name, target in (("lstm", -2.0), ("gru", -3.0)):
        found = [c for c in backend.configs if c["cell"]["name"] == name]
        assert len(found) == 12
        late = numpy.abs(numpy.log10(rates(found[6:])) - target)
        early = numpy.abs(numpy.log10(rates(found[:4])) - target)
        assert numpy.median(late) < numpy.median(early)


def test_the_same_command_goes_on_up_to_its_trials(monkeypatch, optuna):
    first = Inline(score)
    tuning(monkeypatch, first, RATE, "cell=lstm", "trials=5")
    again = Inline(score)
    tuning(monkeypatch, again, RATE, "cell=lstm", "trials=5")
    assert again.configs == []
    more = Inline(score)
    tuning(monkeypatch, more, RATE, "cell=lstm", "trials=8")
    assert len(more.configs) == 3
    assert len({*rates(first.configs), *rates(more.configs)}) == 8


def test_trials_of_a_cell_that_was_edited_are_not_those_of_the_new_one(monkeypatch, optuna, place):
    folder = place / "conf" / "cell"
    folder.mkdir(parents=True)
    made = []
    for bias in (0, 1, 0):
        (folder / "mine.yaml").write_text(
            "defaults: [lstm, _self_]\nname: mine\nreference: unpublished\n"
            f"gates: {{forget: {{initializers: {{bias: {{kind: constant, value: {bias}}}}}}}}}\n"
        )
        backend = Inline(lambda config: config["optimizer"]["learning_rate"])
        tuning(monkeypatch, backend, RATE, "cell=mine", "trials=3")
        made.append(len(backend.configs))
    assert made == [3, 3, 0]
    assert len(os.listdir("experiments/default/runs")) == 6


def test_no_point_is_tried_twice_and_a_small_space_ends(monkeypatch, optuna):
    backend = Inline(lambda config: config["dropout"])
    tuning(monkeypatch, backend, "dropout=choice(0.0,0.1,0.2)", "layers=choice(1,2)", "trials=20")
    points = [(c["dropout"], c["layers"]) for c in backend.configs]
    assert sorted(points) == [(d, n) for d in (0.0, 0.1, 0.2) for n in (1, 2)]


def test_what_failed_stays_open_until_it_is_retried(monkeypatch, optuna):
    def broken(config):
        raise ValueError("no GPU")

    failing = Inline(broken, slots=1)
    _, outcome = tuning(monkeypatch, failing, RATE, "trials=3")
    assert (len(failing.configs), outcome.code) == (3, 1)
    none = Inline(score)
    tuning(monkeypatch, none, RATE, "trials=3")
    assert none.configs == []
    retried = Inline(score)
    tuning(monkeypatch, retried, RATE, "trials=3", "retry=failed")
    assert sorted(rates(retried.configs)) == sorted(rates(failing.configs))


def test_a_diverged_trial_counts_and_is_ranked_last(monkeypatch, optuna):
    backend = Inline(lambda c: None if c["optimizer"]["learning_rate"] > 3e-3 else score(c))
    tuning(monkeypatch, backend, RATE, "cell=lstm", "trials=12")
    assert len(backend.configs) == 12
    storage = optuna.storages.JournalStorage(
        optuna.storages.journal.JournalFileBackend("experiments/default/optuna.journal")
    )
    (study,) = optuna.get_all_study_summaries(storage)
    assert study.best_trial.value < 5


def test_seeds_do_not_go_with_a_search(monkeypatch, optuna):
    with pytest.raises(ConfigError, match="gatekit confirm STUDY"):
        tuning(monkeypatch, Inline(score), RATE, "trials=2", "seeds=3")


def test_a_damaged_journal_says_what_to_do(monkeypatch, optuna, place):
    tuning(monkeypatch, Inline(score), RATE, "cell=lstm", "trials=2")
    journal = place / "experiments" / "default" / "optuna.journal"
    journal.write_bytes(b"\0" * 40 + b"\n" + journal.read_bytes())
    with pytest.raises(ConfigError, match="move the journal away"):
        tuning(monkeypatch, Inline(score), RATE, "cell=lstm", "trials=2")


@pytest.fixture
def searched(monkeypatch, optuna):
    """Search three points, one of which has to be enqueued; return command and journal."""
    backend = Inline(lambda config: config["dropout"], slots=1)
    monkeypatch.setattr(tuned, "launch", functools.partial(launching.launch, backend=backend))
    words = ["cell=lstm", "task=sum", "dropout=choice(0.0,0.1,0.2)", "trials=3"]
    search = composition(["-m", "hydra/sweeper=optuna", *words]).search

    def again():
        assert tuned.tune(search, "gatekit train ...")[1].code == 0

    again()
    return again, Path("experiments/default/optuna.journal")


def known(optuna, path):
    """Return the trials of the one study in a journal, read by Optuna alone."""
    storage = optuna.storages.JournalStorage(optuna.storages.journal.JournalFileBackend(str(path)))
    (study,) = optuna.get_all_study_summaries(storage)
    return optuna.load_study(study_name=study.study_name, storage=storage).trials


@pytest.mark.slow
def test_a_search_goes_on_from_any_line_of_its_journal(searched, optuna):
    again, path = searched
    lines = path.read_bytes().splitlines(keepends=True)
    made = sorted(os.listdir(path.with_name("runs")))
    for count in range(len(lines)):
        path.write_bytes(b"".join(lines[:count]))
        again()
        complete = [t for t in known(optuna, path) if t.state.name == "COMPLETE"]
        assert len({str(t.params) for t in complete}) == len(complete) == 3, count
        assert sorted(os.listdir(path.with_name("runs"))) == made, count


@pytest.mark.one_in(3)
@pytest.mark.parametrize("line", [b"null", b"[]", b"{}", b'"x"', b"1e999", b"\xff", b"[" * 9999])
def test_a_line_that_optuna_cannot_replay_names_the_journal(searched, line):
    again, path = searched
    path.write_bytes(line + b"\n" + path.read_bytes())
    with pytest.raises(ConfigError, match="move the journal away"):
        again()


def test_a_sweep_of_no_cell_is_refused(monkeypatch, optuna):
    with pytest.raises(ConfigError, match="one command runs one study"):
        tuning(monkeypatch, Inline(score), "cell=glob(zz*)", RATE, "trials=2")


def test_a_fifo_as_journal_is_refused(searched):
    again, path = searched
    path.unlink()
    os.mkfifo(path)
    with pytest.raises(ConfigError, match="not a regular file"):
        again()


@pytest.mark.parametrize("command", [composition, compose])
def test_without_optuna_a_search_and_its_plan_say_what_to_type(monkeypatch, command):
    monkeypatch.setitem(__import__("sys").modules, "optuna", None)
    with pytest.raises(ConfigError, match=r"pip install 'optuna>=5\.0'"):
        command(["-m", "hydra/sweeper=optuna", "task=sum", RATE, "trials=2"])


# -- confirming -------------------------------------------------------------------------------


@pytest.fixture
def tuned_study(place):
    words = [*RANDOM, "cell=lstm,gru", "swap.forget=sigmoid", "trials=4", "study=tuned"]
    planned = plan(words)
    launching.launch(planned, backend=Inline(score))
    return planned


def test_the_best_by_validation_of_each_variant_is_made_on_fresh_seeds(tuned_study):
    chosen, first = best(tuned_study.study, ["cell"])
    assert first == 1
    assert [each.by["cell"] for each in chosen] == ["lstm", "gru"]
    for each in chosen:
        mine = [r for r in tuned_study.runs if value_of(r.config, "cell") == each.by["cell"]]
        top = min(mine, key=lambda r: score(r.config))
        assert each.config["optimizer"] == top.config["optimizer"]
        assert each.trials == 4
        # the configuration in the folder makes the run that it was read from
        (same,) = confirming([each], [0], tuned_study.launch, "").runs
        assert same.fingerprint == top.fingerprint
        assert same.config["swap"] == top.config["swap"]


def test_what_a_trial_was_matched_to_is_kept(place):
    words = ["-m", "task=sum", "cell=lstm,gru", "units=32", "match=cell:lstm", "study=matched"]
    made = plan(words)
    launching.launch(made, backend=Inline(score))
    chosen, _ = best(made.study, ["cell"])
    again = confirming(chosen, [0], made.launch, "").runs
    for run, first in zip(again, made.runs, strict=True):
        assert run.config["match"] == first.config["match"]
        assert run.config["match"]["to"] == "cell:lstm"
        assert run.config["units"] == first.config["units"]
    assert {run.fingerprint for run in again} == {run.fingerprint for run in made.runs}


def test_hybrids_that_begin_with_the_same_cell_are_variants(place):
    words = ["-m", "task=adding", "mixers=[lstm,gru],[lstm,rnn]", "layers=2", "study=hybrids"]
    planned = plan(words)
    launching.launch(planned, backend=Inline(score))
    chosen, _ = best(planned.study, ["cell"])
    assert [each.by["cell"] for each in chosen] == ["lstm+gru", "lstm+rnn"]


def test_a_default_is_named_as_it_was_typed(place):
    for words in (["task.length=20,100", "optimizer.learning_rate=0.1,0.2"], ["units=3"]):
        made = plan(["-m", "task=adding", *words, "study=lengths"])
        launching.launch(made, backend=Inline(score))
    chosen, _ = best(made.study, ["task.length"])
    runs = confirming(chosen, [7], made.launch, "").runs
    assert {each.by["task.length"] for each in chosen} == {20, None}
    labels = {each.label for each in chosen}
    assert "task.length=20" in labels
    assert labels < {"task.length=20", "task.length=100", "task.length=default"}
    assert {run.label for run in runs} == {f"{label} seed=7" for label in labels}


def test_the_command_makes_them_in_a_study_of_their_own(tuned_study, monkeypatch, capsys):
    backend = Inline(score)
    monkeypatch.setattr(launching, "launch", functools.partial(launching.launch, backend=backend))
    assert main(["confirm", "tuned", "--by", "cell", "--seeds", "3", "n_jobs=1"]) == 0
    printed = capsys.readouterr().out
    assert "cell=gru: best of 4 trials" in printed
    assert "6 runs with seeds 1 to 3 in study tuned_confirm" in printed
    runs = survey(tuned_study.study.with_name("tuned_confirm"))
    assert len(runs) == 6
    configs = [yaml.safe_load((run.path / "config.yaml").read_text()) for run in runs]
    assert Counter(c["seed"] for c in configs) == {1: 2, 2: 2, 3: 2}
    assert {c["study"] for c in configs} == {"tuned_confirm"}
    assert all("swap.forget=sigmoid" in run.words for run in runs)
    assert main(["confirm", "tuned", "--by", "cell", "--seeds", "3"]) == 0
    assert len(backend.configs) == 6


def test_what_cannot_be_confirmed_is_refused(tuned_study, capsys):
    for words, said in (
        (["tuned", "--by", "cel"], "'cell'?"),
        (["tuned", "units=3"], "units=3: confirm takes only"),
        (["tuned", "--seeds", "0"], "--seeds"),
        (["tund"], "tund"),
    ):
        assert main(["confirm", *words]) == 2
        assert said in capsys.readouterr().err


def test_a_swapped_gate_is_no_trial_of_its_cell(tmp_path, capsys):
    for gate in ("sigmoid", "power_law"):
        changes = {"swap": {"forget": {"kind": gate}}}
        write_run(tmp_path / "demo" / "runs", configuration("lstm", 0) | changes, 0.5)
    assert main(["confirm", "demo", "--root", str(tmp_path)]) == 2
    printed = capsys.readouterr().err
    assert (
        "runs of study demo differ in swap.forget, and confirm keeps one run of each cell"
        in printed
    )
    assert "type gatekit confirm demo --by cell,swap.forget for one of each variant" in printed


@pytest.mark.parametrize(
    ("draw", "text"),
    [
        (SearchInterval(0.1, 2), "Interval(low=0.1, high=2, log=False, whole=False)"),
        (
            SearchInterval(1, 8, log=True, whole=True),
            "Interval(low=1, high=8, log=True, whole=True)",
        ),
        (SearchChoice(("1", "2")), "Choice(values=('1', '2'))"),
    ],
)
def test_journals_go_on_naming_draws_as_they_did(draw, text):
    assert recorded(draw) == text
