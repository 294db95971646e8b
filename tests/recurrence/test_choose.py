"""Which executor runs, in which mode it is fastest, and why."""

from __future__ import annotations

from typing import Any

import pytest
import tensorflow as tf
from refused import at
from seams import EXECUTORS, Setting, blockwise, choose, stacked
from seams import analyse_affine as analyse

from gatekit import ConfigError

from .affine_cells import AFFINE
from .cells import BUNDLED, built
from .layers import inputs_for, layer

GPU = Setting("gpu")


@pytest.mark.parametrize("cell", BUNDLED)
def test_auto_runs_affine_cells_step_by_step_and_fuses_all_others(cell: str) -> None:
    small = built(cell)
    expected = "affine" if analyse(small).affine else "stacked"
    assert choose("auto", small).executor == expected
    assert choose("auto", small).mode == "xla"


@pytest.mark.parametrize(
    ("cell", "setting", "executor", "mode"),
    [
        ("mingru", Setting(), "affine", "xla"),
        ("mingru", GPU, "scan", "xla"),
        ("linear_attention", Setting(), "affine", "xla"),
        ("linear_attention", GPU, "scan", "xla"),
        ("lstm", Setting(), "stacked", "xla"),
        ("lstm", Setting(compute="bfloat16"), "stacked", "graph"),
        ("lstm", Setting("gpu", "float16", "float32"), "stacked", "xla"),
        ("gru", GPU, "stacked", "xla"),
        ("peephole", GPU, "stacked", "xla"),
        ("cifg", GPU, "stacked", "xla"),
    ],
)
def test_auto(cell: str, setting: Setting, executor: str, mode: str) -> None:
    choice = choose("auto", built(cell), setting)
    assert (choice.executor, choice.mode) == (executor, mode)


@pytest.mark.parametrize("cell", ["gla", "linear_attention", "mamba", "retnet", "rwkv6"])
def test_wide_affine_states_are_formed_step_by_step(cell: str) -> None:
    wide = built(cell, units=64)
    assert analyse(wide).affine
    before = choose("auto", wide, chunks=False)
    assert before.executor == "stacked"
    assert choose("auto", wide, GPU).executor == "scan"
    assert choose("affine", wide).executor == "affine"


@pytest.mark.parametrize(
    ("cell", "units", "length", "executor"),
    [
        ("gla", 64, None, "chunk"),
        ("gla", 64, 512, "chunk"),
        ("delta_net", 64, 64, "chunk"),
        ("gla", 64, 32, "stacked"),
        ("gla", 16, 512, "affine"),
        ("mamba", 64, 512, "stacked"),
        ("lstm", 64, 512, "stacked"),
    ],
)
def test_wide_memories_that_are_matrices_run_in_chunks(
    cell: str, units: int, length: int | None, executor: str
) -> None:
    choice = choose("auto", built(cell, units=units), length=length)
    assert choice.executor == executor


@pytest.mark.parametrize(
    ("cell", "units", "training", "inference"),
    [
        ("gla", 64, "", "stacked"),
        ("gla", 128, "", ""),
        ("linear_attention", 64, "", ""),
        ("delta_net", 64, "", "stacked"),
        ("gated_delta_net", 64, "stacked", "stacked"),
        ("gated_delta_net", 128, "", ""),
        ("rwkv7", 64, "stacked", "stacked"),
        ("kda", 64, "stacked", "stacked"),
        ("kda", 128, "", "stacked"),
        ("mamba2", 128, "", ""),
    ],
)
def test_what_xla_compiles_runs_chunks_only_where_they_win(
    cell: str, units: int, training: str, inference: str
) -> None:
    choice = choose("auto", built(cell, units=units), length=512)
    assert (choice.executor, choice.training, choice.inference) == ("chunk", training, inference)
    assert ("that XLA compiles run stacked" in choice.reason) == bool(inference)


def test_outside_training_xla_forms_the_coefficients_step_by_step() -> None:
    assert choose("auto", built("mingru")).inference == "stacked"
    assert not choose("affine", built("mingru")).inference
    assert not choose("auto", built("mingru"), GPU).inference
    assert not choose("auto", built("lstm")).inference
    text = "calls outside training that XLA compiles run stacked"
    assert text in layer("sru_v1").explain()
    assert text not in layer("sru_v1", executor="affine").explain()


@pytest.mark.parametrize(
    ("cell", "training"),
    [
        *(("mingru", "stacked"), ("gilr", "stacked"), ("lru", "stacked"), ("linoss", "stacked")),
        *(("minlstm", ""), ("sru_v1", ""), ("qrnn", "")),
    ],
)
def test_xla_trains_small_and_mixing_affine_steps_in_the_loop(cell: str, training: str) -> None:
    choice = choose("auto", built(cell))
    assert (choice.executor, choice.training, choice.inference) == ("affine", training, "stacked")
    assert ("; calls that XLA compiles run stacked" in choice.reason) == bool(training)
    assert not choose("affine", built(cell)).training
    assert not choose("auto", built(cell), GPU).training


@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(
    ("cell", "jit"),
    [("mingru", False), ("mingru", True), ("sru_v1", False), ("sru_v1", True), ("kda", True)],
)
def test_the_executor_of_a_call(
    cell: str, jit: bool, training: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = []
    for module in (blockwise, stacked):

        def noted(
            *given: Any, run: Any = module.run, name: str = module.__name__, **named: Any
        ) -> Any:
            seen.append(name.rpartition(".")[2])
            return run(*given, **named)

        monkeypatch.setattr(module, "run", noted)
    rnn = layer(cell, units=64)
    tf.function(lambda x: rnn(x, training=training), jit_compile=jit)(inputs_for(rnn))
    loops = jit and (cell != "sru_v1" or not training)
    assert seen == ["stacked" if loops else "blockwise"]


def test_large_products_are_fastest_in_graph_mode() -> None:
    assert choose("auto", built("lstm", units=256)).mode == "graph"


def test_without_a_state_there_is_nothing_to_fuse() -> None:
    cell = {"gates": {"new": {"kind": "tanh", "reads": ["x"]}}, "equations": {"h": "new"}}
    choice = choose("auto", built({**cell, "emits": "h"}))
    assert choice.executor == "reference"
    assert "no state" in choice.reason


@pytest.mark.parametrize(
    ("executor", "cell", "setting"),
    [
        ("reference", "lstm", Setting()),
        ("stacked", "lstm", Setting()),
        ("unroll", "lstm", Setting()),
        ("affine", "mingru", GPU),
        ("scan", "mingru", Setting()),
    ],
)
def test_what_is_asked_for_runs(executor: str, cell: str, setting: Setting) -> None:
    choice = choose(executor, built(cell), setting)
    assert (choice.executor, executor in choice.reason) == (executor, True)


@pytest.mark.parametrize(
    ("executor", "cell", "setting", "why"),
    [
        ("affine", "lstm", Setting(), "forget reads h_prev through a dense map"),
        ("scan", "gru", Setting(), "update reads h_prev through a dense map"),
    ],
)
def test_what_cannot_run_is_refused_with_the_reason(
    executor: str, cell: Any, setting: Setting, why: str
) -> None:
    with pytest.raises(ConfigError, match="chooses one that can") as caught:
        choose(executor, built(cell), setting)
    assert why in str(caught.value)


def test_an_unknown_executor_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, check=at("executor", names=EXECUTORS)):
        layer("lstm", executor="stackd")


@pytest.mark.parametrize("name", AFFINE)
def test_layers_explain_what_is_solved(name: str) -> None:
    text = layer(AFFINE[name]).explain()
    assert "executor affine (auto: affine in the past of" in text
    assert "solved over time: " in text
    assert "fastest under XLA (jit_compile=True), on a CPU" in text


def test_layers_explain_why_nothing_is_solved() -> None:
    text = layer("gru").explain()
    assert "executor stacked" in text
    assert "not solved over time: h: update reads h_prev through a dense map" in text


def test_layers_explain_that_another_executor_could_solve_the_cell() -> None:
    text = layer("mingru", executor="stacked").explain()
    assert "affine in the past of its states, so executor=affine could run it" in text
    assert "not affine" not in text


def test_layers_explain_the_products_of_a_step() -> None:
    lines = layer("gru_reset_after", executor="stacked").explain().splitlines()
    assert [line.strip() for line in lines if "one product" in line] == [
        "one product per step of x, 24 wide, for reset, update, candidate",
        "one product per step of h_prev, 24 wide, for reset, update, recurrent",
    ]
