"""The command line: Hydra's grammar, gatekit's judgement, and nothing written on an error."""

import copy
import logging
import os
import re

import pytest
import tiny
from omegaconf import OmegaConf
from refused import at, fault_of, saying
from seams import (
    CELL_KEYS,
    GROUP_KEYS,
    LAUNCH_KEYS,
    RUN_KEYS,
    CheckedSource,
    Composition,
    command,
    compose,
    plan,
    prefixed,
    read_cell,
)
from seams import keys_KEYS as KEYS
from seams import train_command as train

import gatekit
from gatekit import ConfigError, registry

pytestmark = pytest.mark.usefixtures("place")


def told(capsys, *argv):
    """Return what a refused command says, after checking the common rule of faults.md."""
    before = sorted(os.listdir("."))
    code = train(["task=sum", *argv])
    printed = capsys.readouterr()
    assert code == 2
    assert "Traceback" not in printed.err + printed.out
    assert sorted(os.listdir(".")) == before
    return printed.err


def wrong(*argv):
    """Return the place of the fault of a command, which writes nothing."""
    before = sorted(os.listdir("."))
    fault = fault_of(lambda: command._train(["task=sum", *argv]))
    assert sorted(os.listdir(".")) == before
    return str(fault.place)


def own(name, text):
    path = os.path.join("conf", *name.split("/")) + ".yaml"
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)


CELL = "gates: {candidate: {kind: candidate}}\nequations: {h: candidate}\nemits: h\n"


def test_unknown_key():
    for key in ("untis", "cell.untis", "task.lenght", "optimizer.learningrate"):
        assert wrong(f"{key}=8") == key


def test_added_key():
    assert wrong("+moed=ok") == wrong("++moed=ok") == "moed"


def test_wrong_type(capsys):
    assert "units='abc'" in told(capsys, "units=abc")


@pytest.mark.parametrize("value", ["8.5", "'8'", "true", "0", "-1"])
def test_no_integer_from_1(value):
    assert wrong(f"units={value}") == "units"


def test_larger_than_memory(capsys, monkeypatch):
    assert "at most 2,147,483,647 elements" in told(capsys, "units=1000000000")
    # sixteen MiB in all
    monkeypatch.setattr(os, "sysconf", lambda name: 4096)
    printed = told(capsys, "units=1000")
    assert "this machine has" in printed
    assert "Choose smaller units" in printed


@pytest.mark.parametrize("value", ["no", "010", "1:30"])
def test_traps(capsys, value):
    own("experiment/mine", f"# @package _global_\nunits: {value}\n")
    assert f"{value} can be misread" in told(capsys, "experiment=mine")
    assert wrong(f"units={value}") == "units"


@pytest.mark.parametrize("value", [".nan", ".inf", "nan", "inf"])
def test_learning_rate(value):
    assert wrong(f"optimizer.learning_rate={value}") == "optimizer.learning_rate"


def test_duplicate_key(capsys):
    own("cell/mine", CELL + "emits: h\n")
    assert "mine.yaml, line 4: the key 'emits' is written twice" in told(capsys, "cell=mine")


def test_missing(capsys):
    own("cell/mine", CELL + "constants:\n  dt: ???\n")
    assert "cell.constants.dt has no value yet" in told(capsys, "cell=mine")


@pytest.mark.parametrize("text", ["${cell.constants.dt}", "${layers}x${cell.constants.dt}"])
def test_cycle(capsys, text):
    own("cell/mine", CELL + f"constants: {{dt: '{text}'}}\n")
    assert "cell.constants.dt" in told(capsys, "cell=mine")


def test_unknown_resolver(capsys):
    own("cell/mine", CELL + "constants: {dt: '${nope:1}'}\n")
    assert "'nope'" in told(capsys, "cell=mine")


def test_environment(capsys, monkeypatch):
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "hunter2")
    own("cell/mine", CELL + "reference: '${oc.env:AWS_SECRET_ACCESS_KEY}'\n")
    printed = told(capsys, "cell=mine")
    assert "mine.yaml, line 4: cell.reference" in printed
    assert "hunter2" not in printed


def test_python_tag(capsys):
    own("cell/mine", CELL + "reference: !!python/object/apply:os.system ['touch pwned']\n")
    assert "tag" in told(capsys, "cell=mine")


def test_alias_bomb(capsys):
    levels = ["a0: &a0 [x, x]"] + [
        f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 12)}]" for k in range(1, 12)
    ]
    own("cell/mine", "\n".join(levels) + "\n")
    assert "aliases" in told(capsys, "cell=mine")


def test_deep(capsys):
    own("cell/mine", "a: " + "[" * 5000 + "]" * 5000 + "\n")
    assert "nested deeper" in told(capsys, "cell=mine")


def test_empty(capsys):
    own("cell/mine", "# nothing\n")
    assert "is empty" in told(capsys, "cell=mine")


def test_target(capsys):
    own("cell/mine", CELL + "initializers: {_target_: os.system}\n")
    assert "_target_='os.system': " in told(capsys, "cell=mine")
    assert "_target_" in told(capsys, "cell.gates.forget._target_=os.system")


@pytest.mark.parametrize(
    "text",
    [
        "hydra: {callbacks: {x: {_target_: os.system}}}",
        "hydra: {job_logging: {version: 1}}",
        "hydra: {searchpath: [/tmp]}",
        "hydra.run: {dir: x}",
        "defaults: [override /hydra/job_logging: default]",
        "defaults: [/hydra/callbacks/x]",
    ],
)
def test_what_hydra_would_execute(capsys, text):
    own("experiment/mine", f"# @package _global_\n{text}\n")
    assert "mine.yaml, line 2" in told(capsys, "experiment=mine")
    assert "mine.yaml, line 2" in told(capsys, "-m", "experiment=mine", "seed=0,1")


def test_what_gatekit_does_not_use_is_refused_in_a_file(capsys):
    own("experiment/mine", "# @package _global_\nhydra: {run: {dir: /tmp/elsewhere}}\n")
    assert "hydra.run" in told(capsys, "experiment=mine")


@pytest.mark.parametrize(
    "override",
    ["hydra.run.dir=x", "+hydra.callbacks.x._target_=os.system", "hydra/job_logging=default"],
)
def test_on_the_command_line(override):
    key = override.strip("+").partition("=")[0]
    assert wrong(override) == key


WRITE = "{_target_: pathlib.Path.write_text, _args_: [{_target_: pathlib.Path, _args_: [W]}, x]}"
ACTS = {
    "header": ("cell", f"# @package hydra.callbacks\nx: \"${{oc.create:'{WRITE}'}}\"\n"),
    "package": ("cell", "defaults: ['/cell@hydra.run: lstm']\n"),
    "global": ("cell", "defaults: [lstm@_global_.hydra]\n"),
    "relative": ("experiment", "# @package _global_\ndefaults: [{hydra: evil}]\n"),
    "resolver": ("cell", f"notes: \"${{oc.decode:'{WRITE}'}}\"\n"),
    "plugins": ("experiment", "# @package _global_\nplugins: [conf/evil.py]\n"),
    "root": ("experiment", "# @package _global_\nroot: /tmp/elsewhere\n"),
    "swept": ("experiment", "# @package _global_\nhydra: {sweeper: {params: {root: /tmp}}}\n"),
    "path": ("task", "name: char_lm\npath: /etc/passwd\n"),
    "setup": ("hydra/launcher", "defaults: [gatekit]\nsetup: [touch W]\n"),
    "logging": ("hydra/job_logging", "version: 1\n"),
}


@pytest.mark.parametrize("act", ACTS)
def test_a_file_makes_hydra_do_nothing_but_compose(capsys, act):
    group, text = ACTS[act]
    own(f"{group}/evil", text)
    assert re.search(f"evil|{group}", told(capsys, f"{group}=evil"))


@pytest.mark.parametrize("file", ["train", "hydra/config"])
def test_a_file_cannot_replace_what_hydra_starts_from(capsys, file):
    own(file, "units: 3\n")
    assert f"conf/{file}.yaml: " in told(capsys)


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ("units: 'range(1,1000000000)'", "at most 5,000"),
        ("units: 'shuffle(range(1,1e12))'", "at most 5,000"),
        (", ".join(f"k{i}: '1,2,3,4,5,6,7,8,9'" for i in range(20)), "at most 5,000"),
        ("cell.notes: '$\\{oc.env\\:HOME\\}'", "cell.notes"),
    ],
)
def test_a_sweep_in_a_file_is_bounded(capsys, values, said):
    sweep = f"hydra: {{mode: MULTIRUN, sweeper: {{params: {{{values}}}}}}}"
    own("experiment/mine", f"# @package _global_\n{sweep}\n")
    assert said in told(capsys, "experiment=mine")


def test_references_that_write_each_other_out_are_refused(capsys):
    doubled = "".join(f", a{i}: '${{cell.a{i - 1}}}${{cell.a{i - 1}}}'" for i in range(1, 40))
    text = f"# @package _global_\ncell: {{a0: x{doubled}}}\n"
    own("experiment/mine", text)
    assert "larger than" in told(capsys, "experiment=mine")
    sweep = "hydra: {mode: MULTIRUN, sweeper: {params: {cell.z: '${cell.a39}'}}}\n"
    own("experiment/mine", text + sweep)
    assert "larger than" in told(capsys, "experiment=mine")


def test_defaults_in_a_circle_or_doubling_are_refused(capsys):
    own("cell/a", "defaults: [b]\n")
    own("cell/b", "defaults: [a]\n")
    assert "cell/a -> cell/b -> cell/a" in told(capsys, "cell=a")
    for k in range(30):
        own(f"cell/c{k}", f"defaults: [c{k + 1}, c{k + 1}]\n")
    own("cell/c30", CELL)
    assert "131,072 bytes" in told(capsys, "cell=c0")


@pytest.mark.parametrize(
    "word",
    [
        *("+x@hydra.callbacks=1", "cell@hydra.run=lstm", "hydra.launcher._target_=x", "~hydra.run"),
        *("hydra.sweeper._target_=x", "hydra.sweeper.params.x={_target_: os.system}"),
        *("cell=../../x", "cell.notes='${oc.env:HOME}'", "cell.notes=$\\{oc.env\\:HOME\\}"),
        *("hydra.launcher={_target_: x}", "+~hydra/launcher=x", " hydra.run.dir=x"),
    ],
)
def test_a_word_makes_hydra_do_nothing_but_compose(word):
    with pytest.raises(ConfigError):
        prefixed(word)


def test_a_trusted_file_may_say_where_hydra_runs():
    own("experiment/mine", "# @package _global_\nhydra: {job: {name: mine}}\nunits: 3\n")
    ((_, config),) = compose(["--trust-config", "experiment=mine", "task=sum"])
    assert config.units == 3


def test_an_unknown_choice_names_the_nearest(capsys):
    assert "lstm" in told(capsys, "cell=lstn")
    assert "echo" in told(capsys, "task=ecoh")


@pytest.mark.parametrize(
    "word",
    [
        "~optimizer",
        "~optimizer=adam",
        "~task",
        "~trainer",
        "~cell",
        "~block",
        "~output_unit",
        "~optimizer.clipnorm",
        "~trainer.patience",
        "~optimizer.learning_rate",
        "~units",
        "~jit",
        "~dropout",
        "~swap",
        "~swap.forget",
        "~cell.gates.forget",
        "~cell.gates.forget.kind",
        "~task.length",
    ],
)
def test_a_key_that_changes_numbers_cannot_be_removed(word):
    place = word.strip("~").partition("=")[0]
    for words in ([word], ["--trust-config", word]):
        with pytest.raises(ConfigError, check=at(place)):
            gatekit.plan(["task=sum", *words], try_out=False)


@pytest.mark.parametrize("word", ["~probe", "~seeds", "~n_jobs", "~track", "~experiment"])
def test_a_key_that_changes_no_number_can_be_removed(word):
    own("experiment/mine", "# @package _global_\nseeds: 2\nn_jobs: 1\n")
    ((_, config),) = compose(["task=sum", "experiment=mine", word])
    assert OmegaConf.select(config, word[1:]) is None


def test_a_key_that_an_experiment_adds_can_be_removed():
    own("experiment/mine", "# @package _global_\nmine: 2\n")
    ((_, config),) = compose(["task=sum", "experiment=mine", "~mine"])
    assert "mine" not in config


@pytest.mark.parametrize("group", ["optimizer", "trainer", "block", "output_unit"])
def test_no_file_of_a_group_that_changes_numbers_is_refused(capsys, group):
    told_now = told(capsys, f"{group}=null")
    assert f"conf/{group}" in told_now
    own("experiment/mine", f"# @package _global_\ndefaults: [override /{group}: null]\n")
    assert told(capsys, "experiment=mine") == told_now


def test_a_sweep_of_a_file_removes_no_key(capsys):
    params = "{sweeper: {params: {'~optimizer': ''}}, mode: MULTIRUN}"
    own("experiment/mine", f"# @package _global_\nhydra: {params}\n")
    assert "hydra.sweeper.params.optimizer" in told(capsys, "experiment=mine")


@pytest.mark.parametrize("words", [["experiment=a,b"], ["-m", "+experiment=a,b"]])
def test_experiments_are_studies_of_their_own(capsys, words):
    own("experiment/a", "# @package _global_\nunits: 3\n")
    own("experiment/b", "# @package _global_\nunits: 4\n")
    assert "gatekit train: " in told(capsys, *words)
    jobs = compose(["-m", "task=sum", "experiment=a,b", "study=both"])
    assert [config.units for _, config in jobs] == [3, 4]


def test_experiments_with_sweeps_of_their_own_are_not_swept(capsys):
    for name in "ab":
        sweep = (
            "hydra: {mode: MULTIRUN, sweeper: {params: {units: '3,4', layers: '${task.length}'}}}"
        )
        own(f"experiment/{name}", f"# @package _global_\n{sweep}\n")
    assert len(compose(["task=sum", "experiment=a"])) == 2
    assert "experiment=a,b" in told(capsys, "-m", "experiment=a,b", "study=both")


def test_no_words_are_a_run_of_the_defaults():
    ((words, config),) = compose([])
    assert (words, config.cell.name, config.task.name) == ((), "lstm", "adding")


def keys():
    """Return every key that a configuration may have, with a value that is allowed."""
    task = {**tiny.Sum().exports()}
    gate = {"bias": True, "norm": None, "units": 3}
    yield from (((key,), None) for key in (*RUN_KEYS, *LAUNCH_KEYS, "experiment"))
    yield from (((group, key), 1) for group, known in GROUP_KEYS.items() for key in known)
    yield from ((("task", key), value) for key, value in task.items())
    yield from ((("output_unit", key), None) for key in ("reads", "initializers"))
    yield from ((("cell", key), None) for key in CELL_KEYS)
    yield from ((("cell", "gates", "forget", key), value) for key, value in gate.items())


def shortened(key):
    """Return a key with each of its letters dropped."""
    return {key[:k] + key[k + 1 :] for k in range(len(key))}


def known_beside(path):
    """Return the keys that are allowed where a key is; a typo may be one of them."""
    return {other[-1] for other, _ in keys() if other[:-1] == path[:-1]}


@pytest.fixture(scope="module")
def composed():
    return {}


@pytest.mark.one_in(12)
@pytest.mark.parametrize(
    ("path", "value"), list(keys()), ids=lambda v: ".".join(v) if isinstance(v, tuple) else ""
)
def test_a_letter_dropped_from_any_key(monkeypatch, composed, path, value):
    """Refused, whichever letter it is."""
    if "job" not in composed:
        ((_, composed["job"]),) = compose(["task=sum"])
    key = path[-1]
    beside = known_beside(path)
    # `device` is what others call something else, and has an answer of its own.
    typos = shortened(key) - beside - {"device"}
    assert typos
    for typo in sorted(typos):
        job = copy.deepcopy(composed["job"])
        OmegaConf.update(job, ".".join([*path[:-1], typo]), value, force_add=True)
        found = Composition([((), job)])
        monkeypatch.setattr(command, "_composition", lambda options, found=found: found)
        assert wrong() == ".".join([*path[:-1], typo])


def test_a_sweep_without_m_says_what_to_type(capsys):
    assert "--multirun" in told(capsys, "cell=lstm,gru")


def test_a_syntax_error_is_told(capsys):
    assert "[1" in told(capsys, "units=[1")


def test_debug_shows_the_traceback(capsys):
    assert train(["--debug", "units=abc"]) == 2
    assert "Traceback" in capsys.readouterr().err


def test_a_multirun_is_every_combination_in_typed_order():
    jobs = compose(["-m", "cell=lstm,gru", "swap.forget=sigmoid,relu", "seed=0,1", "task=sum"])
    assert len(jobs) == 8
    first, last = jobs[0][1], jobs[-1][1]
    assert (first.cell.name, first.swap.forget, first.seed) == ("lstm", "sigmoid", 0)
    assert (last.cell.name, last.swap.forget, last.seed) == ("gru", "relu", 1)


def test_an_experiment_without_its_first_line_is_told_what_to_write(capsys):
    own("experiment/mine", "# conf/experiment/mine.yaml\n# @package _global_\nunits: 3\n")
    assert "the first line of an experiment must be" in told(capsys, "experiment=mine")


def test_an_experiment_may_hold_its_sweep_and_the_command_line_wins():
    own(
        "experiment/mine",
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: {units: '3,4'}}}\n",
    )
    assert [c.units for _, c in compose(["experiment=mine", "task=sum"])] == [3, 4]
    assert [c.units for _, c in compose(["experiment=mine", "task=sum", "units=5"])] == [5]


GRIDS = """# @package _global_
task: {name: sum, length: 7}
hydra:
  mode: MULTIRUN
  sweeper:
    params: {units: "3,4", seed: "0"}
    grids:
      - {cell: "gru,rnn"}
      - {cell: lstm, cell.gates.forget.initializers.bias.kind: "zeros,ones"}
      - {cell: chrono_lstm, cell.gates.forget.initializers.bias.t_max: "${task.length}"}
"""


def grids(*words):
    own("experiment/mine", GRIDS)
    return [overrides for overrides, _ in compose(["-m", "+experiment=mine", *words])]


def test_each_grid_makes_combinations_of_its_own():
    bias = "++cell.gates.forget.initializers.bias"
    variants = [
        ["cell=gru"],
        ["cell=rnn"],
        ["cell=lstm", f"{bias}.kind=zeros"],
        ["cell=lstm", f"{bias}.kind=ones"],
        ["cell=chrono_lstm", f"{bias}.t_max=${{task.length}}"],
    ]
    expected = {("++seed=0", f"++units={u}", *words) for u in (3, 4) for words in variants}
    actual = [tuple(w for w in words if "experiment" not in w) for words in grids()]
    assert {tuple(sorted(words)) for words in actual} == {tuple(sorted(e)) for e in expected}
    assert len(actual) == 10


def test_what_is_typed_wins_over_every_grid():
    assert all("++units=5" in words for words in grids("units=5"))
    assert len(grids("units=5")) == 5


def test_what_a_grid_refers_to_is_found_for_each_of_its_jobs():
    own("experiment/mine", GRIDS)
    jobs = compose(["-m", "+experiment=mine", "task.length=9,11", "units=3"])
    chrono = [job for _, job in jobs if job.cell.name == "chrono_lstm"]
    assert [c.cell.gates.forget.initializers.bias.t_max for c in chrono] == [9, 11]


def test_a_file_is_read_once_so_that_all_jobs_have_the_same_cell(monkeypatch):
    own("cell/mine", CELL + "notes: read first\n")
    files, load = [], CheckedSource.load_config

    def load_and_edit(source, config_path):
        loaded = load(source, config_path)
        files.append(config_path)
        own("cell/mine", CELL + f"notes: edited {len(files)}\n")
        return loaded

    monkeypatch.setattr(CheckedSource, "load_config", load_and_edit)
    words = ["task=sum", "cell=mine,lstm", "units=3,4", "swap.candidate=null,power_law"]
    jobs = [config for _, config in compose(["-m", *words])]
    assert files == ["cell/mine"]
    notes = [config.cell.notes for config in jobs if config.cell.name == "mine"]
    assert notes == ["read first"] * 4
    assert [config.units for config in jobs] == [3, 3, 4, 4] * 2
    assert [config.swap.candidate for config in jobs] == [None, "power_law"] * 4


def test_a_search_goes_through_every_grid():
    words = ["hydra/sweeper=random", "trials=2", "dropout=interval(0.1,0.2)"]
    assert len(grids(*words)) == 2 * 10


@pytest.mark.parametrize("second", ["3,4", "choice(3,5)"])
def test_grids_of_a_search_draw_the_same_keys_from_the_same_values(second):
    grids = f'[{{cell: gru, units: "choice(3,4)"}}, {{cell: lstm, units: "{second}"}}]'
    own(
        "experiment/mine",
        f"# @package _global_\nhydra: {{mode: MULTIRUN, sweeper: {{grids: {grids}}}}}\n",
    )
    with pytest.raises(ConfigError, match="units is drawn in one grid"):
        compose(["experiment=mine", "task=sum", "hydra/sweeper=random", "trials=2"])


@pytest.mark.parametrize("swept", ["params: {units: '3,4'}", "grids: [{units: '3,4'}]"])
def test_what_a_file_sweeps_needs_a_sweep(swept):
    own("experiment/mine", f"# @package _global_\nhydra: {{sweeper: {{{swept}}}}}\n")
    words = ["experiment=mine", "task=sum"]
    with pytest.raises(ConfigError, check=saying(r"only a sweep reads it; add -m")):
        compose(words)
    assert [config.units for _, config in compose(["-m", *words])] == [3, 4]


def test_the_working_folder_is_searched_first():
    own("cell/lstm", CELL + "notes: mine\n")
    ((_, config),) = compose(["cell=lstm", "task=sum"])
    assert config.cell.notes == "mine"


PACK = "from gatekit import hookimpl\n@hookimpl\ndef gatekit_config_dirs():\n    return ['NAME']\n"


def pack(name, reference):
    """Write plugins/NAME.py, which brings a folder with another cell ``gru``."""
    os.makedirs(f"plugins/{name}/cell", exist_ok=True)
    with open(f"plugins/{name}.py", "w", encoding="utf-8") as file:
        file.write(PACK.replace("NAME", name))
    with open(f"plugins/{name}/cell/gru.yaml", "w", encoding="utf-8") as file:
        file.write(CELL + f"name: gru\nreference: {reference}\n")


def test_a_cell_by_name_is_the_same_to_train_and_to_a_layer(place):
    """``./conf``, then the folders of plugins, then gatekit's own, as `gatekit.RNN` finds them."""
    bundled = registry.load_cell("gru", registry.catalogue())
    found = []
    for step in ("bundled", "found by itself", "named", "own"):
        if step == "found by itself":
            pack("scanned", step)
        elif step == "named":
            pack("_left_out", step)
        elif step == "own":
            own("cell/gru", CELL + f"name: gru\nreference: {step}\n")
        registry.loading._registry.cache_clear()
        named = ["plugins/_left_out.py"] if os.path.exists("plugins/_left_out.py") else []
        ((_, config),) = compose(["cell=gru", "task=sum", f"plugins={named}".replace("'", "")])
        cell = OmegaConf.to_container(config.cell)
        spec = registry.load_cell("gru", registry.catalogue(named), named)
        assert read_cell(cell, registry.catalogue(named)) == spec
        found.append(cell.get("reference"))
        assert step == "bundled" or spec != bundled
    assert found == [None, "found by itself", "named", "own"]


def test_a_registered_task_needs_no_file():
    ((_, config),) = compose(["task=sum"])
    assert dict(config.task) == {"name": "sum", "length": 5, "allow_nan": False}


def test_hydra_writes_nothing():
    compose(["-m", "seed=0,1", "task=sum"])
    compose(["task=sum"])
    assert os.listdir(".") == []


@pytest.mark.parametrize(
    ("word", "passed"),
    [
        ("cell.gates.forget.eps=1e-2", "++cell.gates.forget.eps=1e-2"),
        ("swap.forget=a,b", "++swap.forget=a,b"),
        ("units=3", "++units=3"),
        ("cell=lstm", "cell=lstm"),
        ("+x=1", "+x=1"),
        ("+cell=gru", "cell=gru"),
        ("~study", "~study"),
        ("hydra.sweeper.params.a=b", "hydra.sweeper.params.a=b"),
    ],
)
def test_prefixes(word, passed):
    assert prefixed(word) == passed


def test_what_is_composed_can_be_looked_at(capsys):
    assert train(["--cfg", "job", "units=7", "task=sum"]) == 0
    assert "units: 7" in capsys.readouterr().out


@pytest.mark.parametrize("option", [["--cfg", "job"], ["--info", "all"], ["--version"]])
def test_options_that_only_print_are_refused_where_jobs_are_wanted(option):
    with pytest.raises(ConfigError, check=at(option[0])):
        compose(["task=sum", *option])


def test_options_that_exclude_each_other_are_told():
    for words in (["-m", "--cfg", "job"], ["--cfg", "job", "--info", "all"], ["--resolve"]):
        assert wrong(*words).startswith("-")


def test_help_says_what_to_type(capsys):
    assert train(["--help"]) == 0
    printed = capsys.readouterr().out
    assert printed.startswith("usage: gatekit train [-m] KEY=VALUE ...")
    assert re.search(r"units=null +units of each cell", printed)
    assert max(map(len, printed.splitlines())) <= 80
    assert train(["--help", "units=7", "cell=gru"]) == 0
    printed = capsys.readouterr().out
    assert "units=7 " in printed
    assert "cell=gru " in printed


def test_help_explains_every_key():
    explained = {key for section in KEYS.values() for key in section}
    known = {*RUN_KEYS, *LAUNCH_KEYS} - {"swap"}
    known |= {f"{group}.{key}" for group, keys in GROUP_KEYS.items() for key in keys}
    assert known <= explained
    assert {key.partition(".")[0] for key in explained} - {"experiment", "quick", "hydra"} <= {
        *RUN_KEYS,
        *LAUNCH_KEYS,
    }


def test_a_foreign_config_folder_is_refused(capsys):
    for option in ("--config-dir", "--config-path", "--config-name"):
        assert option in told(capsys, f"{option}=/tmp")


def test_a_trusted_config_folder_is_searched_first(place):
    (place / "further" / "optimizer").mkdir(parents=True)
    (place / "further" / "optimizer" / "mine.yaml").write_text("name: sgd\n")
    words = ["--trust-config", "--config-dir", "further", "optimizer=mine", "task=sum"]
    assert plan(words).runs[0].config["optimizer"]["name"] == "sgd"


def test_the_version_is_that_of_gatekit(capsys):
    assert train(["--version"]) == 0
    assert capsys.readouterr().out == f"gatekit {gatekit.__version__}\n"


def test_references_are_written_out_on_request(capsys):
    words = ["--cfg", "job", "task=sum", "units=${task.length}"]
    assert train(words) == 0
    assert "units: ${task.length}" in capsys.readouterr().out
    assert train([*words, "--resolve"]) == 0
    assert "units: 5" in capsys.readouterr().out


@pytest.mark.parametrize("info", ["defaults", "searchpath", "plugins", "config", "defaults-tree"])
def test_info_of_hydra_is_shown(capsys, info):
    assert train(["--info", info, "task=sum"]) == 0
    assert capsys.readouterr().out


@pytest.mark.parametrize(
    ("option", "says"),
    [("--hydra-help", "--multirun"), ("--info", "Defaults List"), ("--help", "optimizer")],
)
def test_what_only_prints_leaves_logging_alone(capsys, option, says):
    """Handlers belong to the process, for example to a notebook or to pytest."""
    closed = []
    handler = logging.NullHandler()
    handler.close = lambda: closed.append(handler)
    logging.getLogger().addHandler(handler)
    try:
        before = list(logging.getLogger().handlers)
        assert train([option]) == 0
        assert logging.getLogger().handlers == before
    finally:
        logging.getLogger().removeHandler(handler)
    assert closed == []
    assert says in capsys.readouterr().out


def test_a_run_that_needs_a_gpu_is_refused_before_anything_is_written(capsys, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")


@pytest.mark.parametrize(
    ("word", "name", "value"),
    [
        ("hydra.launcher.resources={big:0.5}", "resources", (("big", 0.5),)),
        ("hydra.launcher.resources.big=2", "resources", (("big", 2.0),)),
        (
            "hydra.launcher.backend=slurm hydra.launcher.sbatch={mail-type:FAIL}",
            "sbatch",
            (("mail-type", "FAIL"),),
        ),
        (
            "hydra.launcher.backend=slurm hydra.launcher.setup=[module]",
            "setup",
            ("module",),
        ),
        ("hydra.launcher.gpus=[0,2]", "gpus", ("0", "2")),
        ("hydra.launcher.timeout=90", "timeout", 90.0),
        ("hydra/launcher=mine", "partition", "short"),
    ],
)
def test_options_of_the_launcher_are_read(place, word, name, value):
    mine = place / "conf" / "hydra" / "launcher"
    mine.mkdir(parents=True)
    (mine / "mine.yaml").write_text("defaults: [gatekit, _self_]\npartition: short\n")
    planned = plan(["cell=gru", *word.split()])
    assert getattr(planned.launch.options, name) == value
