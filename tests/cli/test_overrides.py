"""``key=value`` arguments of ``gatekit show``: those of ``gatekit train``, and ``features``."""

from __future__ import annotations

from pathlib import Path

import pytest
from refused import at
from seams import plan, read_overrides

from gatekit import ConfigError


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_every_kind_of_key() -> None:
    asked = read_overrides(
        [
            "cell=lstm",
            "units=8",
            "features=3",
            "output_unit=projection",
            "output_unit.units=4",
            "swap.input={kind: sigmoid, reads: [x, forget * h_prev]}",
            "swap.forget=power_law",
            "cell.gates.forget.eps=1.0e-2",
            "cell.equations.c='forget*c_prev + (1-forget)*candidate'",
        ]
    )
    cell = asked.cell.canonical()
    assert (asked.name, asked.units, asked.features) == ("lstm", 8, 3)
    assert asked.output_unit.canonical()["units"] == 4
    assert cell["gates"]["forget"]["kind"] == "power_law"
    assert cell["gates"]["forget"]["eps"] == 0.01
    assert list(cell["gates"]["input"]["reads"]) == ["x", "forget*h_prev"]
    assert cell["equations"]["c"] == "forget*c_prev+(1-forget)*candidate"


def test_the_words_of_a_run_show_the_cell_of_the_run() -> None:
    words = ["cell=gru", "swap.forget=power_law", "task=adding", "task.length=7", "units=5"]
    words += ["optimizer=sgd", "seed=3", "cell.notes='at ${task.length}'"]
    (run,) = plan(words).runs
    assert read_overrides(words).cell.canonical() == run.config["cell"]


def test_a_file_is_composed_as_for_a_run(place: Path) -> None:
    (place / "conf" / "cell").mkdir(parents=True)
    (place / "conf" / "cell" / "mine.yaml").write_text(
        "defaults: [gru, _self_]\nname: mine\nnotes: '${task.length} steps'\n"
    )
    asked = read_overrides(["cell=mine", "task.length=9"])
    assert (asked.name, dict(asked.cell.about)["notes"]) == ("mine", "9 steps")


def test_hydra_is_not_asked_to_run_anything() -> None:
    with pytest.raises(ConfigError, check=at("hydra.run.dir")):
        read_overrides(["cell=lstm", "hydra.run.dir=x"])
