"""Which executor runs, in which mode it is fastest, and why."""

from __future__ import annotations

from typing import Any

import pytest
from seams import Setting, choose
from seams import analyse_affine as analyse

from gatekit import ConfigError

from .cells import built

GPU = Setting("gpu")


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


def test_without_a_state_there_is_nothing_to_fuse() -> None:
    cell = {"gates": {"new": {"kind": "tanh", "reads": ["x"]}}, "equations": {"h": "new"}}
    choice = choose("auto", built({**cell, "emits": "h"}))
    assert choice.executor == "reference"
    assert "no state" in choice.reason


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
