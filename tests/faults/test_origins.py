"""What is wrong in a file of your own is answered for that file, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest
from refused import at
from seams import compose, plan

from gatekit import GatekitError

GLOBAL = "# @package _global_\n"


def written(file: str, text: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in a folder, and return its configuration file with this text."""
    monkeypatch.chdir(folder)
    path = Path("conf", f"{file}.yaml")
    path.parent.mkdir(parents=True)
    path.write_text(text)
    return path


@pytest.mark.parametrize(
    ("file", "text", "place", "said"),
    [
        ("optimizer/mine", "name: adam\nlr: 0.1\n", "optimizer.lr", "learning_rate: 0.1."),
        ("trainer/mine", "epochs: 2\nbatchsize: 8\n", "trainer.batchsize", "batch: 8."),
        ("task/mine", "name: adding\nlenght: 9\n", "task.lenght", "length: 9."),
        ("block/mine", "kind: modern\nkernel: 4\n", "block.kernel", "conv: 4."),
        ("experiment/mine", f"{GLOBAL}lr: 0.1\n", "lr", "optimizer: {learning_rate: 0.1}."),
        ("experiment/mine", f"{GLOBAL}cell: {{dropout: 20}}\n", "cell.dropout", "dropout: 0.2."),
        ("optimizer/mine", "learning_rate: 0.1\ntype: sgd\n", "optimizer.type", "name: sgd."),
        ("block/mine", "conv: 2\ntype: modern\n", "block.type", "kind: modern."),
        (
            *("experiment/mine", f"{GLOBAL}cell.dropout: 0.1\n", "cell.dropout"),
            "cell: {dropout: 0.1}.",
        ),
        (
            *("experiment/mine", f"{GLOBAL}task: {{batch_size: 8}}\n", "task.batch_size"),
            "trainer: {batch: 8}.",
        ),
        (
            *("experiment/mine", f"{GLOBAL}optimizer: {{adam: {{ema: 0.9}}}}\n", "optimizer.adam"),
            "ema: 0.9.",
        ),
        ("change/mine", "units: 8\nswap: {forgt: tanh}\n", "swap.forgt", "forget: tanh."),
    ],
)
def test_a_key_of_a_file_is_spelled_as_the_file_has_it(
    file: str,
    text: str,
    place: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    path = written(file, text, tmp_path, monkeypatch)
    with pytest.raises(GatekitError) as caught:
        plan([f"{path.parent.name}=mine"])
    assert caught.value.fault is not None
    assert str(caught.value.fault.place) == place
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert f" {said}" in str(caught.value)


@pytest.mark.parametrize(
    ("file", "text", "typed"),
    [
        ("task/mine", "name: adding\nbatch_size: 64\n", "trainer.batch=64"),
        ("trainer/mine", "epochs: 2\nlearning_rate: 0.1\n", "optimizer.learning_rate=0.1"),
        ("cell/mine", "defaults: [lstm, _self_]\nuntis: 8\n", "units=8"),
    ],
)
def test_what_a_file_cannot_have_is_typed(
    file: str, text: str, typed: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(file, text, tmp_path, monkeypatch)
    with pytest.raises(GatekitError) as caught:
        plan([f"{path.parent.name}=mine"])
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert str(caught.value).endswith(f" {typed}.")


@pytest.mark.parametrize("group", ["task", "trainer", "optimizer", "block"])
def test_a_file_is_its_group_itself(
    group: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = written(f"{group}/mine", f"{group}: {{name: x}}\n", tmp_path, monkeypatch)
    check = at(f"{group}.{group}", names=(f"{path}, line 1: ",))
    with pytest.raises(GatekitError, check=check):
        compose([f"{group}=mine"])


def test_what_is_typed_is_spelled_for_a_shell_although_a_file_has_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("experiment/mine", f"{GLOBAL}cell: {{dropout: 0.2}}\n", tmp_path, monkeypatch)
    with pytest.raises(GatekitError) as caught:
        plan(["experiment=mine", "cell.dropout=30"])
    assert str(caught.value).endswith(" cell.dropout=0.3.")


def test_several_values_in_a_file_are_swept_by_what_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("experiment/mine", f"{GLOBAL}units: [16, 32]\n", tmp_path, monkeypatch)
    with pytest.raises(GatekitError) as caught:
        plan(["experiment=mine"])
    assert "conf/experiment/mine.yaml, line 2: " in str(caught.value)
    assert " -m units=16,32." in str(caught.value)
    assert len(compose(["experiment=mine", "-m", "units=16,32"])) == 2


@pytest.mark.parametrize(
    ("key", "meant"), [("unit", "units"), ("trainer.max_steps", "trainer.steps")]
)
def test_a_key_that_a_file_sweeps_keeps_its_values(
    key: str, meant: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = f"hydra: {{mode: MULTIRUN, sweeper: {{params: {{{key}: '16,32'}}}}}}\n"
    written("experiment/mine", f"{GLOBAL}{sweep}", tmp_path, monkeypatch)
    names = (f"conf/experiment/mine.yaml, line 2: {key} ", f" {meant}: '16,32'.")
    with pytest.raises(GatekitError, check=at(key, f"-> {meant}", names=names)):
        plan(["experiment=mine"])
