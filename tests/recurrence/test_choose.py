"""Which executor runs, in which mode it is fastest, and why."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
import tensorflow as tf
from refused import at
from seams import (
    EXECUTORS,
    MODES,
    TUNE_VARIABLE,
    Setting,
    __version__,
    blockwise,
    choose,
    key,
    read_table,
    weights_stay_cached,
)
from seams import analyse_affine as analyse
from seams import executor as fused

from gatekit import ConfigError

from .affine_cells import AFFINE
from .cells import BUNDLED, built, canonical, lstm_with, merged
from .layers import FEATURES, UNITS, inputs_for, layer

GPU = Setting("gpu")


@pytest.mark.parametrize("cell", BUNDLED)
def test_auto_runs_affine_cells_step_by_step_and_fuses_all_others(cell: str) -> None:
    small = built(cell)
    expected = "affine" if analyse(small).affine else "fused"
    assert choose("auto", small).executor == expected
    assert choose("auto", small).mode in MODES


@pytest.mark.parametrize(
    ("cell", "setting", "executor", "mode"),
    [
        ("mingru", Setting(), "affine", "xla"),
        ("mingru", GPU, "scan", "xla"),
        ("linear_attention", Setting(), "affine", "xla"),
        ("linear_attention", GPU, "scan", "xla"),
        ("lstm", Setting(), "fused", "xla"),
        ("lstm", Setting(compute="bfloat16"), "fused", "graph"),
        ("lstm", GPU, "cudnn", "graph"),
        ("lstm", Setting("gpu", "float16", "float32"), "fused", "xla"),
        ("gru_reset_after", GPU, "cudnn", "graph"),
        ("gru", GPU, "fused", "xla"),
        ("peephole", GPU, "fused", "xla"),
        ("cifg", GPU, "fused", "xla"),
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
    assert before.executor == "fused"
    assert "so many" in before.reason
    assert choose("auto", wide, GPU).executor == "scan"
    assert choose("affine", wide).executor == "affine"


@pytest.mark.parametrize(
    ("cell", "units", "length", "executor"),
    [
        ("gla", 64, None, "chunk"),
        ("gla", 64, 512, "chunk"),
        ("delta_net", 64, 64, "chunk"),
        ("gla", 64, 32, "fused"),
        ("gla", 16, 512, "affine"),
        ("mamba", 64, 512, "fused"),
        ("lstm", 64, 512, "fused"),
    ],
)
def test_wide_memories_that_are_matrices_run_in_chunks(
    cell: str, units: int, length: int | None, executor: str
) -> None:
    choice = choose("auto", built(cell, units=units), length=length)
    assert choice.executor == executor
    if executor == "chunk":
        assert choose("auto", built(cell, units=units), remat=True).executor == "fused"


@pytest.mark.parametrize(
    ("cell", "units", "training", "inference"),
    [
        ("gla", 64, "", "fused"),
        ("gla", 128, "", ""),
        ("linear_attention", 64, "", ""),
        ("delta_net", 64, "", "fused"),
        ("gated_delta_net", 64, "fused", "fused"),
        ("gated_delta_net", 128, "", ""),
        ("rwkv7", 64, "fused", "fused"),
        ("kda", 64, "fused", "fused"),
        ("kda", 128, "", "fused"),
        ("mamba2", 128, "", ""),
    ],
)
def test_what_xla_compiles_runs_chunks_only_where_they_win(
    cell: str, units: int, training: str, inference: str
) -> None:
    choice = choose("auto", built(cell, units=units), length=512)
    assert (choice.executor, choice.training, choice.inference) == ("chunk", training, inference)
    assert ("that XLA compiles run fused" in choice.reason) == bool(inference)


def test_outside_training_xla_forms_the_coefficients_step_by_step() -> None:
    assert choose("auto", built("mingru")).inference == "fused"
    assert not choose("affine", built("mingru")).inference
    assert not choose("auto", built("mingru"), GPU).inference
    assert not choose("auto", built("lstm")).inference
    text = "calls outside training that XLA compiles run fused"
    assert text in layer("sru_v1").explain()
    assert text not in layer("sru_v1", executor="affine").explain()


@pytest.mark.parametrize(
    ("cell", "training"),
    [
        *(("mingru", "fused"), ("gilr", "fused"), ("lru", "fused"), ("linoss", "fused")),
        *(("minlstm", ""), ("sru_v1", ""), ("qrnn", "")),
    ],
)
def test_xla_trains_small_and_mixing_affine_steps_in_the_loop(cell: str, training: str) -> None:
    choice = choose("auto", built(cell))
    assert (choice.executor, choice.training, choice.inference) == ("affine", training, "fused")
    assert ("; calls that XLA compiles run fused" in choice.reason) == bool(training)
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
    for module in (blockwise, fused):

        def noted(
            *given: Any, run: Any = module.run, name: str = module.__name__, **named: Any
        ) -> Any:
            seen.append(name.rpartition(".")[2])
            return run(*given, **named)

        monkeypatch.setattr(module, "run", noted)
    rnn = layer(cell, units=64)
    tf.function(lambda x: rnn(x, training=training), jit_compile=jit)(inputs_for(rnn))
    fused_runs = jit and (cell != "sru_v1" or not training)
    assert seen == ["executor" if fused_runs else "blockwise"]


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
        ("fused", "lstm", Setting()),
        ("unroll", "lstm", Setting()),
        ("affine", "mingru", GPU),
        ("scan", "mingru", Setting()),
        ("cudnn", "lstm", GPU),
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
        ("cudnn", "lstm", Setting(), "needs a GPU, and TensorFlow finds none"),
        ("cudnn", "lstm", Setting("gpu", "float16"), "under a mixed policy"),
        ("cudnn", "lstm", Setting("gpu", "bfloat16", "bfloat16"), "does not compute in bfloat16"),
        ("cudnn", "peephole", GPU, "not those of Keras' LSTM"),
        ("cudnn", lstm_with(zoneout={"c": 0.1}), GPU, "zoneout"),
        ("cudnn", lstm_with(gates={"forget": {"bias": False}}), GPU, "not those of Keras' LSTM"),
        ("cudnn", lstm_with(gates={"forget": {"kind": "hard_sigmoid"}}), GPU, "not those of"),
    ],
)
def test_what_cannot_run_is_refused_with_the_reason(
    executor: str, cell: Any, setting: Setting, why: str
) -> None:
    with pytest.raises(ConfigError, match="chooses one that can") as caught:
        choose(executor, built(cell), setting)
    assert why in str(caught.value)


def test_the_form_counts_and_not_the_names() -> None:
    gate = {"reads": ["x", "s_prev"]}
    renamed = {
        "gates": {
            **{name: {**gate, "activation": "sigmoid(pre)"} for name in ("p", "q", "w")},
            "new": {**gate, "activation": "tanh(pre)"},
        },
        "equations": {"m": "new*q + m_prev*p", "bent": "tanh(m)", "s": "bent*w"},
        "emits": "s",
    }
    assert choose("auto", built(renamed), GPU).executor == "cudnn"
    other = merged(renamed, {"equations": {"s": "m*w", "bent": None}})
    assert choose("auto", built(other), GPU).executor == "fused"


def test_remat_is_the_fused_executors() -> None:
    assert choose("auto", built("mingru"), remat=True).executor == "fused"
    with pytest.raises(ConfigError, match="remat=True requires the executor fused"):
        choose("affine", built("mingru"), remat=True)


def test_a_measured_choice_counts_for_its_cell_sizes_and_setting_only() -> None:
    small, large = built("lstm"), built("lstm", units=16)
    measured = {key(small, Setting()): {"executor": "reference", "mode": "graph"}}
    choice = choose("auto", small, tuned=measured)
    assert (choice.executor, choice.reason) == ("reference", "auto: measured by gatekit tune")
    assert choose("fused", small, tuned=measured).executor == "fused"
    assert choose("auto", large, tuned=measured).executor == "fused"
    assert choose("auto", small, Setting(compute="float64"), tuned=measured).executor == "fused"
    other = built(merged(canonical("lstm"), {"initial": {"c": 1.0}}))
    assert choose("auto", other, tuned=measured).executor == "fused"


def written(path: Path, version: str = __version__, **choice: str) -> Path:
    chosen = {"executor": "reference", "mode": "graph", **choice}
    own = key(built("lstm", UNITS, FEATURES), Setting("cpu", "float64", "float64"))
    path.write_text(json.dumps({"gatekit": version, "choices": {own: chosen}}))
    return path


def test_a_layer_reads_the_table_that_the_environment_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(TUNE_VARIABLE, str(written(tmp_path / "table.json")))
    assert layer("lstm").choice.executor == "reference"
    assert "measured by gatekit tune" in layer("lstm").explain()
    assert layer("gru").choice.executor == "fused"
    monkeypatch.setenv(TUNE_VARIABLE, "/nowhere/table.json")
    with pytest.raises(ConfigError, match=r"/nowhere/table\.json.*unset it"):
        layer("lstm")


def test_a_file_that_is_no_table_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "table.json"
    for content in ("{", "[]"):
        path.write_text(content)
        with pytest.raises(ConfigError, match=r"table of gatekit tune.*delete"):
            read_table(path)
    with pytest.raises(ConfigError, match=r"was measured with gatekit 0\.0\.0"):
        read_table(written(path, "0.0.0"))
    with pytest.raises(ConfigError, match="which is not a choice"):
        read_table(written(path, executor="magic"))


def test_an_unknown_executor_is_refused_with_the_nearest() -> None:
    with pytest.raises(ConfigError, check=at("executor", "='fused'", names=EXECUTORS)):
        layer("lstm", executor="fussed")


@pytest.mark.parametrize("name", AFFINE)
def test_layers_explain_what_is_solved(name: str) -> None:
    text = layer(AFFINE[name]).explain()
    assert "executor affine (auto: affine in the past of" in text
    assert "solved over time: " in text
    assert "fastest under XLA (jit_compile=True), on a CPU" in text


def test_layers_explain_why_nothing_is_solved() -> None:
    text = layer("gru").explain()
    assert "executor fused" in text
    assert "not solved over time: h: update reads h_prev through a dense map" in text


def test_layers_explain_that_another_executor_could_solve_the_cell() -> None:
    text = layer("mingru", executor="fused").explain()
    assert "affine in the past of its states, so executor=affine could run it" in text
    assert "not affine" not in text


def test_layers_explain_the_products_of_a_step() -> None:
    lines = layer("gru_reset_after", executor="fused").explain().splitlines()
    assert [line.strip() for line in lines if "one product" in line] == [
        "one product per step of h_prev, 8 wide, for recurrent",
        "one product per step of h_prev beside x, 16 wide, for reset, update",
    ]


@pytest.mark.parametrize(
    ("units", "setting", "expected"),
    [
        (64, Setting(), True),
        (256, Setting(), True),
        (512, Setting(), False),
        (256, Setting(compute="float64", variables="float64"), False),
        (64, Setting("gpu"), False),
        (256, Setting(compute="bfloat16"), True),
        (512, Setting(compute="bfloat16"), False),
    ],
)
def test_inputs_enter_each_steps_product_where_weights_stay_near(
    units: int, setting: Setting, expected: bool
) -> None:
    assert weights_stay_cached(built("lstm", units=units, features=units // 2), setting) is expected
