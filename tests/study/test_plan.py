"""From jobs to runs: seeds, variants, duplicates, names."""

import os
import pathlib

import pytest
from refused import at
from seams import ABOUT_KEYS, DEFAULTS, Launch, Options, fingerprint, plan
from seams import plan_words_of as words_of

from gatekit import ConfigError, GatekitError, registry

pytestmark = pytest.mark.usefixtures("place")


def planned(*argv):
    return plan(["task=sum", *argv])


def only(*argv):
    (run,) = planned(*argv).runs
    return run


def own(name, text):
    path = pathlib.Path("conf", f"{name}.yaml")
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    ("by_role", "by_name"),
    [
        (["cell.gates.forget.bias=false"], ["cell.gates.update.bias=false"]),
        (["+cell.gates.forget={bias: false}"], ["cell.gates.update.bias=false"]),
        (["cell.gates.forget.kind=power_law"], ["swap.update=power_law"]),
        (
            ["swap.forget=power_law", "cell.gates.forget.eps=0.5"],
            ["swap.update={kind: power_law, eps: 0.5}"],
        ),
        (
            ["swap.update=power_law", "cell.gates.forget.eps=0.5"],
            ["swap.update={kind: power_law, eps: 0.5}"],
        ),
    ],
)
def test_a_role_names_the_run_of_its_gate(by_role, by_name):
    named, other = only("cell=gru", *by_role), only("cell=gru", *by_name)
    assert named.fingerprint == other.fingerprint
    assert named.config["cell"] == other.config["cell"]
    assert named.fingerprint != only("cell=gru").fingerprint


@pytest.mark.parametrize("trust", [[], ["--trust-config"]])
def test_a_role_in_a_file_names_the_run_of_its_gate(trust):
    made = []
    for name in ("forget", "update"):
        own("cell/mine", f"defaults: [gru, _self_]\ngates: {{{name}: {{bias: false}}}}\n")
        words = [[], ["cell.gates.forget.bias=true"], ["cell.gates.update.bias=true"]]
        made.append([only(*trust, "cell=mine", *more).fingerprint for more in words])
    assert made[0] == made[1]
    assert made[0][0] != made[0][1] == made[0][2]
    own("cell/mine", "defaults: [gru, _self_]\ngates: {forget: {bias: 1}, update: {bias: 1}}\n")
    with pytest.raises(
        GatekitError,
        check=at("cell.gates.update", names=("mine.yaml, line 2",)),
    ):
        planned(*trust, "cell=mine")


@pytest.mark.parametrize("name", ["cell/mine", "experiment/mine"])
def test_a_whole_cell_with_a_gate_of_the_name_of_a_role_is_refused(name):
    gates = "forget: {kind: sigmoid}, update: {kind: sigmoid}"
    rest = "roles: {forget: update}, equations: {h: forget * update}, emits: h"
    cell = f"{{gates: {{{gates}}}, {rest}}}"
    text = "# @package _global_\ndefaults: [override /cell: null]\n"
    own(name, f"{text}cell: {cell}\n" if name.startswith("exp") else f"{cell}\n")
    with pytest.raises(GatekitError, check=at("cell.gates.forget")):
        planned(f"{name.partition('/')[0]}=mine")


def test_a_role_in_an_experiment_is_its_gate_and_typed_words_come_last():
    text = "# @package _global_\ndefaults: [override /cell: gru]\n"
    own("experiment/mine", text + "cell: {gates: {forget: {bias: false}}}\n")
    made = only("experiment=mine").fingerprint
    assert made == only("cell=gru", "cell.gates.update.bias=false").fingerprint
    again = only("experiment=mine", "cell.gates.forget.bias=true").fingerprint
    assert again == only("cell=gru").fingerprint
    with pytest.raises(GatekitError, check=at("cell.gates.forget")):
        planned("experiment=mine", "cell.gates.update.bias=true")


@pytest.mark.parametrize(
    ("words", "key"),
    [
        (["cell.gates.forget.bias=true", "cell.gates.update.units=64"], "cell.gates.forget"),
        (["cell.gates.update.bias=false", "cell.gates.forget.bias=true"], "cell.gates.forget"),
        (["swap.forget=tanh", "swap.update=tanh"], "swap.update"),
    ],
)
def test_a_gate_under_both_names_is_refused(words, key):
    with pytest.raises(GatekitError, check=at(key)):
        planned("cell=gru", *words)


def test_a_sweep_of_a_role_changes_the_gate_in_each_cell():
    runs = planned("-m", "cell=gru,lstm", "cell.gates.forget.bias=true,false").runs
    plain = [only(f"cell={cell}").parameters for cell in ("gru", "lstm")]
    assert [run.parameters for run in runs] == [n - few for n in plain for few in (0, 64)]


def test_a_misspelt_role_is_not_a_gate():
    with pytest.raises(ConfigError, check=at("cell.gates.forgt")):
        planned("cell=gru", "cell.gates.forgt.bias=true")


def test_every_bundled_cell_takes_its_roles_as_typed():
    known, tried = registry.catalogue(), 0
    for name in sorted(registry.cell_names())[::3]:
        roles = dict(registry.load_cell(name, known).roles)
        for role in [role for role, gate in roles.items() if role != gate]:
            word = "initializers.kernel=ones"
            runs = [only(f"cell={name}", f"cell.gates.{g}.{word}") for g in (role, roles[role])]
            assert runs[0].fingerprint == runs[1].fingerprint, name
            tried += 1
    assert tried > 5


def test_a_run_has_the_keys_of_the_contract():
    keys = (
        "study cell change swap output_unit block width mixers units layers bidirectional residual "
        "dropout pool head head_bias task optimizer trainer executor jit precision seed vary match "
        "probe plugins shards chosen"
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
    "change", ["study=other", "root=elsewhere", "n_jobs=3", "threads=1", "retry=failed"]
)
def test_what_changes_no_number_does_not(change):
    assert only(change).fingerprint == only().fingerprint


@pytest.mark.parametrize(
    "same", ["vary=null", "units=64", "task.length=5", "++optimizer.learning_rate=0.001"]
)
def test_a_default_written_out_is_the_same_run(same):
    assert only(same).fingerprint == only().fingerprint


def as_before(run, **marks):
    """Return the fingerprint that a run had before the keys and marks that came later."""
    left_out = ("study", "plugins", "swap", "probe", "vary", "match")
    numbers = {k: v for k, v in run.config.items() if k not in left_out}
    about = (*ABOUT_KEYS, "roles")
    numbers["cell"] = {k: v for k, v in numbers["cell"].items() if k not in about}
    older = {key: value for key, value in DEFAULTS.items() if key != "vary"}
    return fingerprint({**numbers, **marks}, older, run.data_hash, run.plugins)


@pytest.mark.parametrize("executor", ["auto", "stacked"])
def test_without_vary_a_run_keeps_the_fingerprint_it_had_before_the_key(executor):
    run = only("seed=3", f"executor={executor}")
    assert as_before(run) == run.fingerprint


def test_the_order_of_a_streamed_task_cannot_vary_alone():
    with pytest.raises(ConfigError, match=r"vary=data or vary=init"):
        planned("vary=order")
    with pytest.raises(ConfigError, check=at("vary")):
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


def test_duplicates_run_once():
    found = planned("-m", "units=3,3")
    assert len(found.runs) == 1
    assert found.duplicates == ("task=sum units=3 seed=0",)


def test_swap_replaces_the_gate_in_its_role():
    run = only("cell=gru", "swap.forget=sigmoid")
    assert run.config["cell"]["gates"]["update"]["kind"] == "sigmoid"
    assert run.config["swap"] == {"forget": "sigmoid"}


FORGET = "cell.gates.forget"


@pytest.mark.parametrize(
    ("words", "key", "typed"),
    [
        ([f"{FORGET}.bind.x=h_prev"], f"{FORGET}.bind.x", "swap.forget.bind.x=VALUE"),
        (
            [f"{FORGET}.projections.new.width=1"],
            f"{FORGET}.projections.new.width",
            "swap.forget.projections.new.width=VALUE",
        ),
        (
            ["cell=chrono_lstm", f"{FORGET}.initializers.bias.t_max=9"],
            "initializers.bias.t_max",
            "swap",
        ),
        (
            ["cell=hgrn2", "cell.constants.lower=0.5"],
            "cell.constants.lower",
            "remove one of the two",
        ),
        (["cell=lrn", "cell.gates.key.bias=false"], "cell.gates.key.bias", "remove one of the two"),
        (
            ["cell=hyper_lstm", "cell.gates.forget_x.reads={h_prev: dense}"],
            "cell.gates.forget_x.reads.h_prev",
            "remove one of the two",
        ),
    ],
)
def test_a_key_that_a_swap_would_drop_is_refused(words, key, typed):
    cell = [] if words[0].startswith("cell=") else ["cell=atr"]
    with pytest.raises(GatekitError, match=key) as error:
        planned(*cell, *words, "swap.forget=two_layer")
    assert typed in str(error.value)


@pytest.mark.parametrize(
    "words",
    [
        ["cell=hyper_lstm", "cell.embedding=3"],
        ["cell=atr", "cell.gates.forget.activation='sigmoid(seen)'"],
        ["cell=atr", "+cell.gates.forget={kind: power_law, activation: null, eps: 0.5}"],
        ["cell=atr", "swap.forget.projections.hidden.width=1"],
        ["cell=lrn", "cell.gates.key=null", "cell.gates.value.bias=false"],
    ],
)
def test_a_gate_of_an_experiment_may_be_swapped(words):
    kinds = only(*words, "swap.forget.kind=two_layer").config["cell"]["gates"]
    assert kinds["forget"]["kind"] == "two_layer"


def test_no_swap_is_no_change():
    assert only("swap.forget=null").fingerprint == only().fingerprint
    assert only("swap.forget=null").config["swap"] == {}


def test_a_cell_without_the_role_is_an_error():
    with pytest.raises(GatekitError, check=at("swap.forget")):
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


def test_how_runs_are_executed_is_what_was_typed():
    words = ["root=away", "study=s", "n_jobs=3", "threads=2", "devices=4", "retry=failed"]
    words += ["allow_changed=true", "hydra.launcher.gpus=0"]
    launch = planned(*words, "hydra.launcher.timeout=70").launch
    options = Options(timeout=70.0, gpus=0)
    # Each device is fed by a thread.
    assert launch == Launch("s", pathlib.Path("away"), 3, 4, True, options, True, 3, (), 4)
    plain = planned().launch
    cores = len(os.sched_getaffinity(0))
    assert (plain.n_jobs, plain.jobs, plain.retry_failed, plain.devices) == (cores, None, False, 1)


def test_trackers_are_those_that_were_typed():
    pytest.importorskip("tensorboard")
    assert planned("track=[tensorboard]").launch.track == ("tensorboard",)


def test_one_command_is_one_study():
    with pytest.raises(ConfigError, check=at("study")):
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
    bare = plan(["study=mine"])
    assert bare.label(bare.runs[0]) == "mine seed=0"


def test_words_of_a_label_may_contain_spaces():
    assert words_of("a={kind: b, c: 1} d.e=f seed=0") == ["a={kind: b, c: 1}", "d.e=f", "seed=0"]
