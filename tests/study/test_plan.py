"""From jobs to runs: seeds, variants, duplicates, names."""

import pytest

from gatekit.cell.errors import ConfigError, GatekitError
from gatekit.cell.schema import ABOUT_KEYS
from gatekit.runs.names import fingerprint
from gatekit.study.command import compose
from gatekit.study.plan import plan, words_of
from gatekit.study.schema import DEFAULTS

pytestmark = pytest.mark.usefixtures("place")


def planned(*argv):
    return plan(compose(["task=sum", *argv]))


def only(*argv):
    (run,) = planned(*argv).runs
    return run


def test_a_run_has_the_keys_of_the_contract():
    keys = (
        "study cell swap output_unit block width mixers units layers bidirectional residual "
        "dropout pool task optimizer trainer executor jit precision seed vary match probe plugins"
    )
    run = only("units=7")
    assert set(run.config) == set(keys.split())
    assert run.config["task"] == {"name": "sum"}
    assert run.path.parts == ("experiments", "default", "runs", run.fingerprint)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    "change",
    [
        "units=65",
        "layers=2",
        "bidirectional=true",
        "residual=true",
        "dropout=0.1",
        "pool=mean",
        "seed=1",
        "vary=init",
        "cell=gru",
        "swap.forget=sigmoid",
        "output_unit=memory",
        "task.length=6",
        "optimizer=sgd",
        "optimizer.learning_rate=0.5",
        "trainer.batch=3",
        "trainer.epochs=3",
        "precision=float64",
        "executor=reference",
        "jit=true",
        "cell.gates.forget.bias=false",
    ],
)
def test_what_changes_numbers_changes_the_fingerprint(change):
    assert only(change).fingerprint != only().fingerprint


@pytest.mark.parametrize(
    "change", ["study=other", "root=elsewhere", "n_jobs=3", "threads=2", "retry=failed"]
)
def test_what_changes_no_number_does_not(change):
    assert only(change).fingerprint == only().fingerprint


@pytest.mark.parametrize(
    "same", ["vary=null", "units=64", "task.length=5", "++optimizer.learning_rate=0.001"]
)
def test_a_default_written_out_is_the_same_run(same):
    assert only(same).fingerprint == only().fingerprint


def as_before(run):
    """Return the fingerprint that a run had before the keys and marks that came later."""
    left_out = ("study", "plugins", "swap", "probe", "vary", "match")
    numbers = {k: v for k, v in run.config.items() if k not in left_out}
    about = (*ABOUT_KEYS, "roles")
    numbers["cell"] = {k: v for k, v in numbers["cell"].items() if k not in about}
    older = {key: value for key, value in DEFAULTS.items() if key != "vary"}
    return fingerprint(numbers, older, run.data_hash, run.plugins)


@pytest.mark.parametrize("executor", ["auto", "fused"])
def test_without_vary_a_run_keeps_the_fingerprint_it_had_before_the_key(executor):
    run = only("seed=3", f"executor={executor}")
    assert as_before(run) == run.fingerprint


def test_a_run_in_other_chunks_than_before_has_another_fingerprint():
    run = only("cell=gla", "executor=chunk")
    assert as_before(run) != run.fingerprint


def test_the_order_of_a_streamed_task_cannot_vary_alone():
    with pytest.raises(ConfigError, match=r"draws fresh data.*type vary=data or vary=init"):
        planned("vary=order")
    with pytest.raises(ConfigError, match="vary is one of init, order, data"):
        planned("vary=weights")


def test_words_about_a_cell_do_not_name_it():
    assert only("cell.reference=mine").fingerprint == only().fingerprint


def test_seeds_expand_in_every_job():
    runs = planned("-m", "cell=lstm,gru", "seeds=3").runs
    assert [(r.config["cell"]["name"], r.config["seed"]) for r in runs] == [
        (cell, seed) for cell in ("lstm", "gru") for seed in range(3)
    ]
    assert len({r.fingerprint for r in runs}) == 6


def test_seeds_and_seed_are_the_same_runs():
    listed = {r.fingerprint for r in planned("-m", "seed=0,1").runs}
    assert {r.fingerprint for r in planned("seeds=2").runs} == listed


def test_row_102_duplicates_run_once():
    found = planned("-m", "units=3,3")
    assert len(found.runs) == 1
    assert found.duplicates == ("task=sum units=3 seed=0",)


def test_swap_replaces_the_gate_in_its_role():
    run = only("cell=gru", "swap.forget=sigmoid")
    assert run.config["cell"]["gates"]["update"]["kind"] == "sigmoid"
    assert run.config["swap"] == {"forget": "sigmoid"}


def test_no_swap_is_no_change():
    assert only("swap.forget=null").fingerprint == only().fingerprint
    assert only("swap.forget=null").config["swap"] == {}


def test_a_cell_without_the_role_is_an_error():
    with pytest.raises(GatekitError, match="no gate in the role 'forget'"):
        planned("cell=rnn", "swap.forget=sigmoid")


def test_a_gate_option_that_no_file_has_can_be_given():
    run = only("swap.forget=power_law", "cell.gates.forget.bias=false")
    assert run.config["cell"]["gates"]["forget"]["kind"] == "power_law"


def test_the_study_is_named_after_the_experiment(place):
    (place / "conf" / "experiment").mkdir(parents=True)
    (place / "conf" / "experiment" / "mine.yaml").write_text("# @package _global_\nunits: 3\n")
    assert planned("experiment=mine").launch.study == "mine"
    assert planned("experiment=mine", "study=else").launch.study == "else"
    assert planned().launch.study == "default"


def test_one_command_is_one_study():
    with pytest.raises(ConfigError, match="cannot be swept"):
        planned("-m", "study=a,b")


def test_a_task_option_is_read_by_the_cell():
    run = only("cell.constants.dt='${task.length}'", "cell.equations.h='output*tanh(c)*dt'")
    assert run.config["cell"]["constants"] == {"dt": 5}


def test_where_data_lie_does_not_name_a_run_and_what_they_are_does(place):
    text = "In the beginning was the word. " * 20
    for name, content in {"a": text, "b": text, "c": text.upper()}.items():
        (place / name).write_text(content)
    one, two, other = (
        only("task=char_lm", "task.length=5", f"task.path={name}") for name in ("a", "b", "c")
    )
    assert one.fingerprint == two.fingerprint != other.fingerprint
    assert one.config["task"]["path"] == "a"
    # another text is no later version of the first: neither outdates the other
    assert len({one.origin, two.origin, other.origin}) == 3


def test_a_run_is_called_by_what_differs():
    words = ["cell=lstm,gru", "swap.forget={kind:power_law,eps:0.1},sigmoid", "units=5", "seeds=2"]
    sweep = planned("-m", *words)
    labels = [sweep.label(run) for run in sweep.runs]
    assert labels[:2] == [
        "cell=lstm swap.forget={kind:power_law,eps:0.1} seed=0",
        "cell=lstm swap.forget={kind:power_law,eps:0.1} seed=1",
    ]
    assert len(set(labels)) == 8
    assert "units=5" in sweep.runs[0].label


def test_a_run_alone_keeps_its_words():
    alone = planned("units=5")
    assert alone.label(alone.runs[0]) == "task=sum units=5 seed=0"
    bare = plan(compose(["study=mine"]))
    assert bare.label(bare.runs[0]) == "mine seed=0"


def test_words_of_a_label_may_contain_spaces():
    assert words_of("a={kind: b, c: 1} d.e=f seed=0") == ["a={kind: b, c: 1}", "d.e=f", "seed=0"]
