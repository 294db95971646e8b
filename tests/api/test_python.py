"""gatekit from Python: what its modules offer, and what a prompt and a notebook show of it."""

from __future__ import annotations

import importlib
import json
import re
import sys
from pathlib import Path
from typing import Any

import processes
import pytest
from compare.synthetic import write_study
from refused import at
from seams import CellError, Planned
from seams import words_of_keys as words_of

import gatekit
from gatekit import ConfigError, RunError

ROOT = Path(__file__).parents[2]
PUBLIC = ("", ".ops", ".compare", ".convert", ".registry", ".tasks", ".testing")


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


def fresh(code: str, **options: object) -> str:
    """Return what a new process prints that executes the code."""
    done = processes.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=False, **options
    )
    assert done.returncode == 0, done.stderr
    return str(done.stdout)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_module_offers_its_public_names_only(name: str) -> None:
    module = gatekit
    for part in filter(None, name.split(".")):
        module = getattr(module, part)
    offered = {n for n in dir(module) if not n.startswith("__")}
    assert offered == set(module.__all__)
    assert not offered & {"Any", "TYPE_CHECKING", "annotations", "dataclass", "importlib", "np"}
    assert [n for n in module.__all__ if not hasattr(module, n)] == []


def test_a_name_that_gatekit_does_not_have_is_answered_with_the_nearest() -> None:
    with pytest.raises(AttributeError, match="did you mean 'train'"):
        gatekit.trian  # noqa: B018
    assert not hasattr(gatekit, "__wrapped__")


def test_importing_gatekit_imports_neither_tensorflow_nor_what_runs_studies() -> None:
    heavy = ("tensorflow", "keras", "hydra", "omegaconf", "matplotlib", "rich", "gatekit.api")
    code = f"import sys, gatekit; print([n for n in {heavy!r} if n in sys.modules])"
    assert fresh(code).split() == ["[]"]


@pytest.mark.parametrize("order", ["gatekit, keras", "keras, gatekit"])
def test_importing_gatekit_registers_its_layers_with_keras(order: str, tmp_path: Path) -> None:
    """A saved model loads in a new process that imports both and uses no name of gatekit."""
    (tmp_path / "keras.py").write_text(
        "class saving:\n    known = {}\n    get_custom_objects = lambda: saving.known\n"
    )
    code = (
        f"import sys; sys.path.insert(0, {str(tmp_path)!r})\n"
        f"import {order}\n"
        "print(sorted(keras.saving.known), keras.__file__)"
    )
    told = fresh(code)
    assert told.startswith("['gatekit>BlockLayer', 'gatekit>Cell', 'gatekit>RNN'] ")
    assert str(tmp_path) in told


def test_every_name_that_the_pages_give_exists() -> None:
    pages = [*sorted((ROOT / "docs").glob("**/*.md")), ROOT / "README.md"]
    # of modules only: the names of files and of entry points look the same
    named = {
        match
        for page in pages
        for match in re.findall(r"(?<![\w./-])gatekit(?:\.[A-Za-z]\w*)+(?=\(|`)", page.read_text())
    }
    named |= set(
        re.findall(r"^::: (gatekit\S+)", (ROOT / "docs/reference/python.md").read_text(), re.M)
    )
    assert len(named) > 60
    missing = []
    for name in sorted(named):
        value: object = gatekit
        for part in name.split(".")[1:]:
            if not hasattr(value, part):
                path = getattr(value, "__name__", "")
                try:
                    importlib.import_module(f"{path}.{part}")
                except ImportError:
                    missing.append(name)
                    break
            value = getattr(value, part)
    assert missing == []


@pytest.mark.parametrize(
    "first", ["import gatekit", "import gatekit.compare", "from gatekit.compare import compare"]
)
def test_compare_is_a_function_and_a_package(first: str, place: Path) -> None:
    write_study(place / "experiments", {"lstm": (1.0, 1.1), "gru": (0.9, 1.2)}, "which")
    code = f"""
{first}
import gatekit, inspect
from gatekit.compare import compare, load
from gatekit.compare.compared import Comparison
assert type(gatekit.compare("which")) is type(compare(load("which"))) is Comparison
assert gatekit.compare.load is load is gatekit.load
assert inspect.signature(gatekit.compare) == inspect.signature(compare)
"""
    fresh(code)


@pytest.mark.parametrize(
    ("name", "hint"),
    [("GRU", "gatekit.RNN('gru', units)"), ("SimpleRNN", "RNN('rnn', units)"), ("Rnn", "'RNN'")],
)
def test_a_layer_of_keras_is_answered_with_the_layer_here(name: str, hint: str) -> None:
    with pytest.raises(AttributeError) as caught:
        getattr(gatekit, name)
    assert hint in str(caught.value)


def test_a_drawing_is_saved_into_a_new_folder(place: Path) -> None:
    assert gatekit.diagram("gru").save("figures/gru.svg").is_file()


def test_importing_gatekit_does_not_load_the_registry() -> None:
    fresh("import gatekit, sys; assert 'gatekit.registry' not in sys.modules")


def test_a_report_is_written_where_it_is_asked_for(place: Path) -> None:
    write_study(place / "experiments", {"lstm": (1.0, 1.1), "gru": (0.9, 1.2)}, "which")
    assert gatekit.report("which") == Path("which.html")
    assert gatekit.report(gatekit.load("which"), "x.html", baseline="gru") == Path("x.html")
    assert "gatekit compare which --baseline gru" in Path("x.html").read_text()
    with pytest.raises(ConfigError, match="html file is expected"):
        gatekit.report("which", "x.pdf")


WORDS = {
    "cell=['lstm', 'gru'], seeds=3": ["cell=lstm,gru", "seeds=3"],
    "units=8, jit=True, match=None": ["units=8", "jit=true", "match=null"],
    "bidirectional=False, dropout=0.25": ["bidirectional=false", "dropout=0.25"],
    "task={'name': 'adding', 'length': [9, 50]}": ["task=adding", "task.length=9,50"],
    "optimizer={'learning_rate': [1e-3, 0.5]}": ["optimizer.learning_rate=0.001,0.5"],
    "swap={'forget': {'kind': 'power_law', 'eps': 0.1}}": [
        "swap.forget.kind=power_law",
        "swap.forget.eps=0.1",
    ],
    "swap={'forget': ['sigmoid', {'kind': 'power_law', 'eps': 0.1}]}": [
        "swap.forget=sigmoid,{kind: power_law, eps: 0.1}"
    ],
    "plugins=['a.py', 'b.py']": ["plugins=[a.py,b.py]"],
    "plugins=Path('a b.py')": ["plugins=['a b.py']"],
    "units=numpy.int64(4)": ["units=4"],
    "cell='glob(mgu*)'": ["cell=glob(mgu*)"],
    "swap={'forget': {'activation': 'sigmoid(pre / 2)'}}": [
        "swap.forget.activation='sigmoid(pre / 2)'"
    ],
    "cell={'name': 'lstm', 'equations': {'h': 'output * tanh(c)'}}": [
        "cell=lstm",
        "cell.equations.h='output * tanh(c)'",
    ],
}


@pytest.mark.parametrize("typed", WORDS)
def test_keys_become_words_of_the_command_line(typed: str) -> None:
    import numpy

    keys = eval(f"dict({typed})", {"numpy": numpy, "Path": Path})
    assert words_of((), keys) == ["-m", *WORDS[typed]]


def test_words_may_be_a_list_or_a_string() -> None:
    assert words_of(["cell=lstm,gru 'swap.forget={kind: power_law}'"], {"units": 3}) == [
        "-m",
        "cell=lstm,gru",
        "swap.forget={kind: power_law}",
        "units=3",
    ]
    assert words_of([["-m", "cell=lstm"], "width=3"], {}) == ["-m", "cell=lstm", "width=3"]
    with pytest.raises(ConfigError, match="No closing quotation"):
        words_of(["cell='lstm"], {})
    with pytest.raises(ConfigError, match="units is an object of object"):
        words_of((), {"units": object()})
    whole = {"gates": {"new": {"kind": "tanh", "reads": ["x"]}}, "equations": {}, "emits": "new"}
    with pytest.raises(ConfigError, match="the name of a cell is expected"):
        words_of((), {"cell": whole})


def test_a_plan_lists_the_runs_and_writes_nothing(place: Path) -> None:
    planned = gatekit.plan(try_out=False, cell=["lstm", "gru"], task="adding", units=4, seeds=2)
    assert planned.runs == 4
    assert repr(planned).splitlines()[0].startswith("to run  done  units  parameters")
    assert "study default: 4 runs to start" in repr(planned)
    assert planned._repr_html_().count("<tr>") >= 3
    assert list(place.iterdir()) == []


def test_a_plan_counts_parameters_as_a_comparison_does() -> None:
    from seams import Preview, VariantPreview

    tried = VariantPreview("cell=gru", 4, 1_216, total=1_233)
    assert "1,233" in repr(Planned(Preview("mine", [tried], [], 1)))
    listed = VariantPreview("cell=gru", 4, 1_216)
    assert "1,216" in repr(Planned(Preview("mine", [listed], [], 1)))


def test_a_key_that_does_not_exist_is_an_error_with_the_remedy() -> None:
    with pytest.raises(ConfigError, check=at("unit")):
        gatekit.plan(try_out=False, unit=4)
    with pytest.raises(ConfigError, check=at("cell")):
        gatekit.train(cell="grru")


@pytest.mark.parametrize(
    ("keys", "where"),
    [
        ({"optimizer": {"betas": [0.9, 0.99]}}, "optimizer.betas"),
        ({"optimizer": {"lr": [0.1, 0.2]}}, "optimizer.lr"),
        ({"cells": ["lstm", "gru"]}, "cells"),
        ({"block": {"modern": {"conv": 4}}}, "block.modern"),
        ({"swap": "forget=power_law"}, "swap"),
    ],
)
def test_a_key_of_another_name_is_refused(keys: Any, where: str) -> None:
    with pytest.raises(ConfigError, check=at(where)):
        gatekit.plan(try_out=False, **keys)


SCRIPT = """
import gatekit

print("the script runs")
study = gatekit.train(
    cell=["gru"], task={"name": "adding", "length": 5}, units=2, study="mine",
    trainer={"steps": 2, "batch": 4},
)
print([(row["cell"], row["state"]) for row in study.rows()])
assert gatekit.train("cell=gru task=adding task.length=5 units=2 study=mine trainer.steps=2 "
                     "trainer.batch=4").runs == study.runs
"""
LATE = """
import gatekit

try:
    gatekit.train("cell=lstm task=adding task.length=5 units=2 study=mine trainer.steps=2000000 "
                  "hydra.launcher.timeout=0.01")
except gatekit.RunError as error:
    print("refused:", error)
"""


def test_a_script_trains_without_a_guard_and_continues(place: Path) -> None:
    Path("script.py").write_text(SCRIPT)
    done = processes.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    # a process of a run would execute the script again
    assert done.stdout.count("the script runs") == 1
    assert "[('gru', 'COMPLETED')]" in done.stdout
    assert "1 complete already, skipped." in done.stdout


@pytest.mark.slow
def test_a_script_is_told_which_runs_failed(place: Path) -> None:
    Path("script.py").write_text(LATE)
    done = processes.run([sys.executable, "script.py"], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    failed = done.stdout.partition("refused: ")[2]
    assert "1 failed" in failed
    assert "gatekit.load('mine')" in failed


def test_an_interrupted_call_raises_keyboard_interrupt(monkeypatch: pytest.MonkeyPatch) -> None:
    import signal

    from seams import launch_package as launch

    def stopped(plan: object) -> launch.SweepOutcome:
        return launch.SweepOutcome(signal=signal.SIGINT)

    monkeypatch.setattr(launch, "launch", stopped)
    with pytest.raises(KeyboardInterrupt):
        gatekit.train(task="adding", units=2)


def test_show_reads_as_the_command_and_sets_equations_in_a_notebook() -> None:
    shown = gatekit.show("gru", units=8, features=4, swap={"update": "power_law"})
    assert repr(shown) == str(shown)
    assert str(shown).startswith("gru: 8 units, 4 features\n")
    assert "power_law" in json.dumps(shown.data)
    assert shown.latex.startswith(r"\begin{aligned}")
    assert "<math" in shown._repr_html_()
    mapping = {"name": "mine", "equations": {"h": "0.5 * h_prev + sum(x)"}, "emits": "h"}
    assert "h = 0.5 * h_prev + sum(x)" in gatekit.show(mapping, units=1)
    with pytest.raises(ConfigError, match="int is not a cell"):
        gatekit.show(3)
    swap = {"forget": {"kind": "power_law", "epss": 0.1}}
    with pytest.raises(CellError, check=at("swap.forget.epss")):
        gatekit.show("gru", swap=swap)


def test_a_diagram_is_a_picture_and_a_file(place: Path) -> None:
    drawn = gatekit.diagram("gru", units=8, features=4)
    assert drawn._repr_svg_().startswith("<svg")
    assert len(repr(drawn)) < 100
    assert drawn.save("gru.svg").read_text() == drawn


def test_a_built_cell_and_its_specification_are_short() -> None:
    from seams import build, read_output_unit

    from gatekit.registry import catalogue, load_cell

    known = catalogue()
    spec = load_cell("lstm", known)
    cell = build(spec, 8, 4, read_output_unit("hidden", known))
    assert repr(cell) == "<Cell lstm: 8 units, 4 features, states h, c, 416 parameters>"
    assert repr(spec) == "<CellSpec lstm: gates input, forget, output, candidate, emits h>"
    page = cell._repr_html_()
    assert "forget * c_prev + input * candidate" in page
    assert gatekit.show(cell).startswith("lstm: 8 units, 4 features")


def test_a_run_record_is_short_and_a_table(place: Path) -> None:
    swapped = {"cell": "gru<", "units": 3, "swap": {"forget": "slow<"}}
    with gatekit.run("mine", swapped, seed=1, metric="mse") as run:
        run.log(1, train=0.9, val=0.5, test=0.6)
        run.note("the data were shuffled")
    (record,) = gatekit.load("mine").runs
    assert repr(record) == (
        f"<Run {record.id}: COMPLETED, gru<, 3 units, seed 1, test mse 0.6 at epoch 1>"
    )
    page = record._repr_html_()
    assert "gru&lt;" in page
    assert "slow&lt;" in page
    assert "the data were shuffled" in page
    with pytest.raises(RunError, match="has not begun"):
        gatekit.run("mine", {"cell": "lstm"}, seed=1).log(1, val=1.0)


def test_a_layer_is_short_and_explains_itself_in_lines() -> None:
    layer = gatekit.RNN("gru", units=4)
    assert "cell=gru, units=4" in repr(layer)
    assert "cell gru, 4 units" in layer._repr_html_()
    layer.build((None, None, 3))
    assert "reset.h_prev" in layer._repr_html_()
    explained = layer.explain()
    assert repr(explained) == str(explained)
    assert len(repr(explained).splitlines()) > 3
    assert gatekit.show(layer).startswith("gru: 4 units, 3 features")
    block = gatekit.BlockLayer("modern", "gru")
    block.build((None, None, 6))
    assert gatekit.show(block).startswith("gru: 6 units, 6 features")


def test_an_optimizer_of_keras_is_refused() -> None:
    import keras

    with pytest.raises(ConfigError, match="optimizer is an object of SGD"):
        words_of("cell=lstm", {"optimizer": keras.optimizers.SGD(0.5)})
