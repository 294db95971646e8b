"""What ``auto`` now chooses otherwise is written into the run; a study begun before goes on so."""

import threading

import pytest
from seams import InterruptedRunError, RunFolder, checkpoint_of, components, plan
from seams import executors_choose as choose
from seams import study_variant as variant
from seams import train_run as train
from twice import StopAt, told

from gatekit import ConfigError

pytestmark = pytest.mark.usefixtures("float32")

WORDS = ["task=sum", "task.length=33", "trainer.steps=2", "trainer.batch=2", "jit=false"]


def only(*words):
    (run,) = plan([*WORDS, *words]).runs
    return run


@pytest.fixture
def before(monkeypatch):
    """Return a function that plans a run as earlier versions did."""

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


def test_what_xla_compiles_is_chosen_for_xla(place, monkeypatch):
    words = ("cell=kda", "jit=true")
    now = only(*words)
    assert now.config["chosen"] is None
    assert only("cell=kda").config["chosen"] == "chunk"
    with monkeypatch.context() as patch:  # as an earlier version chose
        patch.setattr(variant, "chunks_win", lambda *facts: True)
        old = only(*words)
    assert old.fingerprint != now.fingerprint
    old.path.mkdir(parents=True)
    assert only(*words).fingerprint == old.fingerprint


@pytest.mark.parametrize(
    ("words", "renamed"),
    [
        (["cell=mingru", "jit=true"], True),
        (["cell=mingru", "jit=auto"], True),
        (["cell=mingru"], False),
        (["cell=mingru", "jit=true", "executor=affine"], False),
        (["cell=sru_v1", "jit=true"], False),
        (["cell=lstm", "jit=true"], False),
    ],
)
def test_what_xla_trains_with_another_executor_has_another_name(place, monkeypatch, words, renamed):
    now = only(*words).fingerprint
    monkeypatch.setattr(choose, "stacked_wins", lambda cell: False)  # as earlier versions chose
    assert (only(*words).fingerprint != now) == renamed


@pytest.mark.parametrize(
    ("words", "renamed"),
    [
        (["cell=slstm_heads"], True),
        (["cell=gru", "block=modern"], True),
        (["cell=gru", "block=residual"], False),
        (["cell=lstm"], False),
    ],
)
def test_where_gradients_are_summed_in_another_order_a_run_has_another_name(
    place, monkeypatch, words, renamed
):
    now, versions = only(*words).fingerprint, variant._versions

    def before(*facts):
        return {what: one for what, one in versions(*facts).items() if what != "sums"}

    monkeypatch.setattr(variant, "_versions", before)
    assert (only(*words).fingerprint != now) == renamed


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


@pytest.mark.parametrize(
    ("cell", "executor"),
    [("gla", "stacked"), pytest.param("lstm", "stacked", marks=pytest.mark.slow)],
)
def test_a_study_begun_before_goes_on_as_it_began(place, before, cell, executor):
    old = before(f"cell={cell}")
    assert attempt(old, StopAt(3)) is None
    (again, more) = plan([*WORDS, f"cell={cell}", "seeds=2"]).runs
    assert again.path == old.path
    assert more.config["chosen"] is None
    assert attempt(again, threading.Event())["executor"] == executor
    whole = before(f"cell={cell}", "study=whole")
    assert attempt(whole, threading.Event())["executor"] == executor
    assert {**told(again.path), "result": 0} == {**told(whole.path), "result": 0}


def test_a_new_study_chunks(place):
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
