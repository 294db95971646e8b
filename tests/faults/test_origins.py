"""What is wrong in a file of your own is answered for that file, with its line."""

from __future__ import annotations

from pathlib import Path

import pytest

from gatekit.cell.errors import GatekitError
from gatekit.study.command import compose
from gatekit.study.plan import plan

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
        plan(compose([f"{path.parent.name}=mine"]))
    assert caught.value.fault is not None
    assert str(caught.value.fault.place) == place
    assert str(caught.value).startswith(f"{path}, line 2: ")
    assert str(caught.value).partition("Write ")[2].startswith(said)


def test_what_is_typed_is_spelled_for_a_shell_although_a_file_has_the_key(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("experiment/mine", f"{GLOBAL}cell: {{dropout: 0.2}}\n", tmp_path, monkeypatch)
    with pytest.raises(GatekitError) as caught:
        plan(compose(["experiment=mine", "cell.dropout=30"]))
    assert str(caught.value).endswith("Type cell.dropout=0.3.")


def test_several_values_in_a_file_are_swept_by_what_is_typed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    written("experiment/mine", f"{GLOBAL}units: [16, 32]\n", tmp_path, monkeypatch)
    with pytest.raises(GatekitError) as caught:
        plan(compose(["experiment=mine"]))
    assert "conf/experiment/mine.yaml, line 2: " in str(caught.value)
    assert str(caught.value).endswith("type -m units=16,32.")
    assert len(compose(["experiment=mine", "-m", "units=16,32"])) == 2


def test_a_key_that_a_file_sweeps_keeps_its_values(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    sweep = "hydra: {mode: MULTIRUN, sweeper: {params: {unit: '16,32'}}}\n"
    written("experiment/mine", f"{GLOBAL}{sweep}", tmp_path, monkeypatch)
    with pytest.raises(GatekitError) as caught:
        plan(compose(["experiment=mine"]))
    assert "conf/experiment/mine.yaml, line 2: unit is not a key" in str(caught.value)
    assert str(caught.value).endswith("Write units: '16,32'.")
