"""What ``auto`` chooses for all cells is written into the run."""

import threading

import pytest
from seams import InterruptedRunError, RunFolder, checkpoint_of, components, plan
from seams import study_variant as variant
from seams import train_run as train

from gatekit import ConfigError

pytestmark = pytest.mark.usefixtures("float32")

WORDS = ["task=sum", "task.length=33", "trainer.steps=2", "trainer.batch=2", "jit=false"]


def only(*words):
    (run,) = plan([*WORDS, *words]).runs
    return run


@pytest.fixture
def before(monkeypatch):
    """Return a function that plans a run for which chunks are never faster."""

    def planned(*words):
        with monkeypatch.context() as patch:
            patch.setattr(variant, "chunks_win", lambda *facts: False)
            return only(*words)

    return planned


@pytest.mark.parametrize(
    "words", [["cell=lstm"], ["cell=gla", "units=16"], ["cell=gla", "task.length=32"]]
)
def test_where_the_choice_is_the_same_the_run_is_the_same(place, before, words):
    run = only(*words)
    assert run.config["chosen"] is None
    assert run.fingerprint == before(*words).fingerprint


def test_a_run_that_chunks_says_so_and_has_a_name_of_its_own(place, before):
    run = only("cell=gla")
    assert (run.config["executor"], run.config["chosen"]) == ("auto", "chunk")
    others = before("cell=gla"), only("cell=gla", "executor=chunk")
    assert run.fingerprint not in [other.fingerprint for other in others]
    assert only("cell=gla", "executor=stacked").config["chosen"] is None
    # Layers of several kinds run as they did.
    assert only("mixers=[gla,lstm]", "layers=2").config["chosen"] is None
    with pytest.raises(ConfigError, match=r"type executor=chunk"):
        only("cell=gla", "chosen=chunk")


def test_what_xla_compiles_is_chosen_for_xla(place):
    words = ("cell=kda", "jit=true")
    now = only(*words)
    assert now.config["chosen"] is None
    assert only("cell=kda").config["chosen"] == "chunk"


@pytest.mark.parametrize(("jit", "executor"), [("true", "stacked"), ("false", "affine")])
def test_a_result_has_the_executor_that_trained(place, jit, executor):
    run = only("cell=mingru", f"jit={jit}")
    assert attempt(run, threading.Event())["executor"] == executor


def attempt(run, stop):
    folder = RunFolder(run.path)
    folder.claim()
    folder.write_config(run.config)
    task, earlier = components.load().task(run.config["task"]), checkpoint_of(folder)
    try:
        result = train(run.config, task, folder, stop, 0, checkpoint=earlier)
    except InterruptedRunError:
        folder.status("INTERRUPTED", "stopped")
        return None
    folder.finish(result)
    return result


def test_a_run_chunks_where_this_was_chosen(place):
    run = only("cell=gla")
    result = attempt(run, threading.Event())
    assert (result["executor"], result["executor_reason"][:16]) == ("chunk", "auto: a memory i")


@pytest.mark.parametrize(
    ("precision", "types"),
    [
        ("float32", ("float32", "float32")),
        ("float64", ("float64", "float64")),
        ("mixed_bfloat16", ("bfloat16", "float32")),
    ],
)
def test_a_run_chooses_for_its_types(place, monkeypatch, precision, types):
    met = []
    monkeypatch.setattr(variant, "chunks_win", lambda cell, setting, *others: met.append(setting))
    only("cell=gla", f"precision={precision}")
    assert {(each.compute, each.variables) for each in met} == {types}
