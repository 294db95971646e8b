"""Files in conf, numbers and sweeps at and beyond their bounds: each is refused by name."""

from __future__ import annotations

import math
import os
from collections.abc import Callable
from pathlib import Path

import pytest
from seams import CellError, cells, command, main
from seams import plan_jobs as plan

import gatekit
from gatekit import ConfigError, registry


@pytest.fixture(autouse=True)
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder."""
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path / "here"


def _link(path: Path) -> None:
    secret = path.absolute().parents[3] / "notes.txt"
    secret.write_text("key: hunter2\npassword: [1, 2\n")
    path.symlink_to(secret)


def _folder_link(path: Path) -> None:
    away = path.absolute().parents[3] / "away"
    away.mkdir()
    (away / path.name).write_text("gates: hunter2\n")
    path.parent.rmdir()
    path.parent.symlink_to(away)


DAMAGED: dict[str, tuple[Callable[[Path], object], str]] = {
    "fifo": (os.mkfifo, "not a regular file"),
    "folder": (Path.mkdir, "not a regular file"),
    "link": (_link, "is a link out of"),
    "folder that is a link": (_folder_link, "is a link out of"),
    "device": (lambda path: path.symlink_to("/dev/zero"), "is a link out of"),
    "itself": (lambda path: path.symlink_to(path.name), "cannot be read"),
    "nowhere": (lambda path: path.symlink_to("none.yaml"), "cannot be read"),
    "yaml": (lambda path: path.write_text("gates: {a: [1\n"), "is not YAML"),
    "large": (lambda path: path.write_text("# " + "x" * 2**16), "at most 65,536 bytes"),
    "empty": (lambda path: path.write_text(""), "is empty"),
    "key": (lambda path: path.write_text("gatez: {}\n"), "gatez"),
}


@pytest.mark.one_in(2, slow=2)
@pytest.mark.parametrize("case", DAMAGED)
def test_a_damaged_cell_leaves_itself_out(case: str, capsys: pytest.CaptureFixture[str]) -> None:
    make, why = DAMAGED[case]
    os.makedirs("conf/cell")
    make(Path("conf/cell/mine.yaml"))
    broken: dict[str, str] = {}
    names = {row["name"] for row in cells.cell_entries((), broken)}
    assert {"lstm", "gru"} <= names
    assert list(broken) == ["mine"]
    assert why in broken["mine"]
    assert main(["cells", "--json"]) == 0
    printed = capsys.readouterr()
    assert "left out: mine:" in printed.err
    assert "hunter2" not in printed.out + printed.err + broken["mine"]
    for words in (["plan", "--list", "cell=mine", "task=adding"], ["check", "mine"]):
        assert main(words) != 0
        printed = capsys.readouterr()
        assert "did you mean 'mine'" not in printed.err
        assert "hunter2" not in printed.out + printed.err


@pytest.mark.parametrize("group", ["cell", "task", "experiment", "optimizer", "trainer", "block"])
def test_a_link_out_of_any_group_is_not_read(group: str) -> None:
    os.makedirs(f"conf/{group}")
    _link(Path(f"conf/{group}/mine.yaml"))
    with pytest.raises(ConfigError, match="is a link out of") as caught:
        command.compose([f"{group}=mine"])
    assert "hunter2" not in str(caught.value)


def test_a_link_within_conf_is_followed() -> None:
    os.makedirs("conf/cell")
    Path("conf/shared.yaml").write_text("defaults: [lstm, _self_]\n")
    Path("conf/cell/mine.yaml").symlink_to("../shared.yaml")
    assert registry.load_cell("mine", registry.catalogue()).name == "mine"
    assert len(plan(command.compose(["cell=mine", "task=adding"])).runs) == 1


@pytest.mark.parametrize(
    "text",
    [
        "defaults: {}",
        "defaults: [{}, _self_]",
        "defaults: [lstm, _self_]\nname: {}",
        "defaults: [lstm, _self_]\n{}: 1",
        "[{}]",
    ],
)
def test_messages_quote_at_most_60_characters(text: str) -> None:
    os.makedirs("conf/cell")
    Path("conf/cell/mine.yaml").write_text(text.replace("{}", "az" * 3_000))
    for ask in (
        lambda: plan(command.compose(["cell=mine", "task=adding"])),
        lambda: registry.load_cell("mine", registry.catalogue()),
    ):
        with pytest.raises((ConfigError, CellError)) as caught:
            ask()
        assert "az" * 31 not in str(caught.value)


@pytest.mark.parametrize("value", [math.nan, math.inf])
def test_a_number_that_is_not_finite_is_refused_in_python(value: float) -> None:
    for cell, task in (
        ("lstm", {"name": "adding", "length": value}),
        ({"defaults": ["gru"], "dropout": value}, {"name": "adding"}),
    ):
        with pytest.raises((ConfigError, CellError), match="finite"):
            gatekit.plan(cell=cell, task=task)


def test_configurations_times_seeds_are_bounded() -> None:
    os.makedirs("conf/experiment")
    Path("conf/experiment/many.yaml").write_text(
        "# @package _global_\nhydra: {mode: MULTIRUN, sweeper: {params: "
        "{units: 'range(2,32)', seeds: '90000'}}}\n"
    )
    for words, many in ((["experiment=many"], "2,700,000"), (["seeds=20001"], "20,001")):
        jobs = command.compose(["task=adding", *words])
        with pytest.raises(ConfigError, match=f"{many} runs.*at most 20,000"):
            plan(jobs)
    with pytest.raises(ConfigError, match=r"100,000 runs.*at most 20,000"):
        gatekit.plan(cell=["lstm", "gru"], task="adding", seeds=50_000)


def test_a_folder_with_plugins_in_its_name_names_no_plugin(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "x?plugins=evil.py,b 100%41"
    (place / "conf" / "experiment").mkdir(parents=True)
    (place / "conf" / "experiment" / "own.yaml").write_text("# @package _global_\nunits: 7\n")
    monkeypatch.chdir(place)
    ((_, config),) = command.compose(["experiment=own"])
    assert config.units == 7
