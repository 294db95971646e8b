"""Groups: everything but the seed, and labels that show only what differs."""

from __future__ import annotations

import copy
from pathlib import Path
from typing import Any

import pytest
from refused import at
from seams import (
    Group,
    Grouping,
    group_runs,
    names_variant,
    printable,
    select,
)
from seams import compare_runs as compare
from seams import load_runs as load

from gatekit import ConfigError

from .synthetic import configuration, write_run


def grouped(root: Path, by: list[str] | None = None) -> Grouping:
    return group_runs(load("demo", root).runs, by)


def labels(grouping: Grouping) -> list[str]:
    return [group.label for group in grouping.groups]


def write(root: Path, *configs: dict[str, Any], **result: Any) -> None:
    for config in configs:
        write_run(root / "demo" / "runs", config, **result)


def group(grouping: Grouping, label: str) -> Group:
    return next(item for item in grouping.groups if item.label == label)


def test_cells_are_called_by_their_names(tmp_path: Path) -> None:
    for cell in ("lstm", "gru", "rnn"):
        write(tmp_path, configuration(cell, 0), configuration(cell, 1))
    groups = grouped(tmp_path)
    assert labels(groups) == ["gru", "lstm", "rnn"]
    assert [len(item.runs) for item in groups.groups] == [2, 2, 2]
    assert [run.seed for run in groups.groups[0].runs] == [0, 1]
    assert groups.groups[0].values == {"cell": "gru"}


def test_one_group_is_called_by_its_cell(tmp_path: Path) -> None:
    write(tmp_path, configuration("gru", 0), configuration("gru", 1))
    assert labels(grouped(tmp_path)) == ["gru"]


def changed(cell: str, seed: int, change: str, **keys: Any) -> dict[str, Any]:
    """Return a run whose change sets a gate and an equation."""
    config = configuration(cell, seed, change=change, swap={"forget": {"kind": change}}, **keys)
    config["cell"]["equations"]["h"] = f"{change} * c"
    return config


def test_a_change_is_one_word_in_a_label(tmp_path: Path) -> None:
    for seed, cell in ((seed, cell) for seed in (0, 1) for cell in ("lstm", "gru")):
        # A run without the key is older than the key, and has no change.
        plain = configuration(cell, seed) if seed else configuration(cell, seed, change=None)
        write(tmp_path, plain, changed(cell, seed, "mine", layers=2), changed(cell, seed, "other"))
    groups = grouped(tmp_path)
    assert labels(groups) == [
        f"{cell}{change}"
        for cell in ("gru", "lstm")
        for change in ("", " change=mine", " change=other")
    ]
    assert groups.implied == dict.fromkeys(("swap.forget", "layers", "cell.equations.h"), "change")
    rows = compare("demo", tmp_path, within=["cell"]).rows
    differences = {row.group.label: row.difference for row in rows}
    assert {label: each and each.baseline for label, each in differences.items()} == {
        label: None if label == label[:4].rstrip() else label[:4].rstrip()
        for label in labels(groups)
    }
    assert {each.differs_in for each in differences.values() if each} == {("change",)}
    by = [item.values for item in grouped(tmp_path, ["change"]).groups]
    assert by == [{"change": "mine"}, {"change": "other"}, {"change": None}]


def test_what_does_not_follow_from_a_change_is_in_the_label(tmp_path: Path) -> None:
    typed = configuration("lstm", 0, change="mine", swap={"forget": {"kind": "mine", "eps": 2}})
    write(tmp_path, configuration("lstm", 0, units=32), configuration("lstm", 0))
    write(tmp_path, changed("lstm", 0, "mine"), typed)
    found = labels(grouped(tmp_path))
    assert sorted(found) == [
        "change=mine eps=2 units=64",
        "change=mine units=64",
        "units=32",
        "units=64",
    ]


def matched(cell: str, seed: int, task: str, units: int, budget: str) -> dict[str, Any]:
    config = configuration(cell, seed, units=units, task__name=task)
    return {**config, "match": {"to": f"parameters:{budget}", "target": 0, "reached": 0}}


def test_units_that_a_budget_chose_are_no_key(tmp_path: Path) -> None:
    sizes = {("lstm", "jsb_music21"): 45, ("lstm", "adding"): 57, ("gru", "adding"): 66}
    for (cell, task), units in sizes.items():
        write(tmp_path, *(matched(cell, seed, task, units, "40k") for seed in (0, 1)))
    groups = grouped(tmp_path)
    assert {item.variant for item in groups.groups} == {"lstm", "gru"}
    write(tmp_path, matched("lstm", 0, "adding", 41, "20k"))
    assert "lstm match=parameters:20k" in {item.variant for item in grouped(tmp_path).groups}


def test_the_width_that_a_budget_chose_for_a_block_is_no_key(tmp_path: Path) -> None:
    for task, width in (("jsb_music21", 24), ("adding", 32)):
        config = matched("lstm", 0, task, 2 * width, "40k")
        write(tmp_path, {**config, "block": {"kind": "mamba"}, "width": width})
    assert {item.variant for item in grouped(tmp_path).groups} == {"lstm"}


def test_hybrids_of_one_name_whose_cells_differ_are_not_pooled(tmp_path: Path) -> None:
    for seed, kind in enumerate(("sigmoid", "power_law")):
        cells = [configuration(name, seed)["cell"] for name in ("lstm", "gru")]
        cells[1]["gates"]["update"] = {"kind": kind}
        write(tmp_path, {**configuration("lstm", seed), "mixers": cells})
    key = "rnn_1.gates.update"
    assert labels(grouped(tmp_path)) == [f"{key}=power_law", f"{key}=sigmoid"]


def swapped(cell: str, seed: int) -> dict[str, Any]:
    config = configuration(cell, seed, swap={"forget": "power_law"})
    gate = "update" if cell == "gru" else "forget"
    config["cell"]["gates"][gate] = {"kind": "power_law"}
    return config


def test_a_swap_is_shown_as_it_was_typed(tmp_path: Path) -> None:
    write(tmp_path, configuration("lstm", 0), swapped("lstm", 0))
    assert labels(grouped(tmp_path)) == ["forget=power_law", "lstm"]
    write(tmp_path, configuration("gru", 0), swapped("gru", 0))
    assert labels(grouped(tmp_path)) == [
        "gru",
        "gru forget=power_law",
        "lstm",
        "lstm forget=power_law",
    ]


def test_the_options_of_a_swap_follow_its_gate(tmp_path: Path) -> None:
    for swap in ("sigmoid", {"kind": "slow", "apart": 1}, {"kind": "slow", "apart": 2}):
        write(tmp_path, configuration("lstm", swap={"forget": swap}))
    assert labels(grouped(tmp_path)) == [
        "forget=sigmoid",
        "forget=slow apart=1",
        "forget=slow apart=2",
    ]
    assert grouped(tmp_path).groups[1].values == {"swap.forget": "slow", "swap.forget.apart": 1}
    assert labels(grouped(tmp_path, ["swap.forget.kind"])) == labels(grouped(tmp_path))
    both = {role: {"kind": "slow", "apart": 1} for role in ("forget", "input")}
    write(tmp_path, configuration("lstm", swap=both))
    assert "forget=slow forget.apart=1 input=slow input.apart=1" in labels(grouped(tmp_path))


def test_an_output_unit_is_shown_as_it_was_typed(tmp_path: Path) -> None:
    damped = {"kind": "damped", "reads": {"x": {"kind": "dense"}}}
    write(tmp_path, configuration(), configuration(output_unit=damped))
    assert labels(grouped(tmp_path)) == ["output_unit=damped", "output_unit=hidden"]
    write(tmp_path, configuration(output_unit={**damped, "rate": 2}))
    assert "output_unit=damped rate=2" in labels(grouped(tmp_path))


def test_tasks_are_never_pooled_and_shown_by_name(tmp_path: Path) -> None:
    for task, digest in (("adding", "1"), ("jsb_music21", "2")):
        for rate in (0.1, 0.01):
            config = configuration(task__name=task, optimizer__learning_rate=rate)
            data = {"data_hash": f"sha256:{digest * 16}", "plugins": {task: f"sha256:{digest * 8}"}}
            write(tmp_path, config, **data)
    groups = grouped(tmp_path, ["cell"])
    assert labels(groups) == ["lstm task=adding", "lstm task=jsb_music21"]
    assert groups.pooled == ("optimizer.learning_rate",)


def test_plugins_are_shown_by_name_and_by_hash_only_if_the_name_is_the_same(
    tmp_path: Path,
) -> None:
    doors = ({"tri_file": "sha256:1111222233334444"}, {"triangular": "sha256:5555666677778888"})
    for seed, plugins in enumerate(doors):
        write(tmp_path, configuration("lstm", seed), plugins=plugins)
    assert labels(grouped(tmp_path)) == ["plugin=tri_file", "plugin=triangular"]


def test_the_plugin_of_a_pooled_cell_does_not_split_a_group(tmp_path: Path) -> None:
    write(tmp_path, configuration("gru", 0))
    write(tmp_path, configuration("rnn", 0), plugins={"own": "sha256:1111222233334444"})
    assert labels(grouped(tmp_path, ["units"])) == ["units=64"]


def test_an_option_inside_a_cell_is_shown_where_cells_of_one_name_differ(tmp_path: Path) -> None:
    for eps in (None, 0.1, 0.01):
        config = swapped("lstm", 0)
        if eps:
            config["cell"]["gates"]["forget"]["eps"] = eps
        write(tmp_path, config)
    assert labels(grouped(tmp_path)) == ["forget.eps=0.01", "forget.eps=0.1", "lstm"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("notes", "as in the paper"),
        ("reference", "Gers 2000"),
        ("year", 2000),
        ("doi", "10.1/a"),
        ("arxiv", "1406.1078"),
        ("tier", "unverified"),
        ("cite", ["gers2000learning", {"authors": "A", "title": "B", "year": 2000}]),
    ],
)
def test_where_a_cell_comes_from_makes_no_variant(tmp_path: Path, key: str, value: Any) -> None:
    write(tmp_path, configuration(), configuration(seed=1, **{f"cell__{key}": value}))
    assert labels(grouped(tmp_path)) == ["lstm"]


def test_keys_are_shortened_where_that_is_clear(tmp_path: Path) -> None:
    write(tmp_path, configuration(), configuration(units=128))
    write(tmp_path, configuration(optimizer__learning_rate=0.1))
    write(tmp_path, configuration(task__name="adding", task__length=50))
    assert labels(grouped(tmp_path)) == [
        "task=adding learning_rate=0.01 units=64",
        "task=jsb_music21 learning_rate=0.01 units=64",
        "task=jsb_music21 learning_rate=0.01 units=128",
        "task=jsb_music21 learning_rate=0.1 units=64",
    ]
    assert grouped(tmp_path).groups[0].variant == "learning_rate=0.01 units=64"


def test_two_keys_with_one_end_keep_their_whole_names(tmp_path: Path) -> None:
    write(tmp_path, configuration(), configuration(task__units=3), configuration(units=3))
    assert labels(grouped(tmp_path)) == ["task.units=3 units=64", "units=3", "units=64"]


def test_runs_older_than_an_option_were_made_with_its_default(tmp_path: Path) -> None:
    older = [configuration("gru", seed) for seed in (0, 1)]
    assert all("pool" not in config for config in older)
    newer = [
        {**configuration("gru", 2), "pool": "last"},
        {**configuration("gru", 3), "pool": "all"},
    ]
    write(tmp_path, *older, *newer)
    groups = grouped(tmp_path)
    assert {item.label: [run.seed for run in item.runs] for item in groups.groups} == {
        "pool=all": [3],
        "pool=last": [0, 1, 2],
    }


def test_what_a_script_of_ones_own_leaves_out_is_not_known(tmp_path: Path) -> None:
    mine = {"task": {"name": "mine"}}
    write(tmp_path, {**mine, "seed": 0}, {**mine, "seed": 1, "units": 64})
    assert len(grouped(tmp_path).groups) == 2


def test_groups_that_a_number_tells_apart_stand_in_its_order(tmp_path: Path) -> None:
    for length in (100, 20, 3):
        write(tmp_path, configuration("gru", 0, task__length=length))
    write(tmp_path, configuration("lstm", 0, task__length=7))
    expected = ["gru length=3", "gru length=20", "gru length=100", "lstm length=7"]
    assert labels(grouped(tmp_path)) == expected


def test_a_training_that_each_task_has_for_itself_is_no_key(tmp_path: Path) -> None:
    def budget(cell: str, seed: int, task: str, rate: float) -> dict[str, Any]:
        config = configuration(cell, seed, task__name=task, optimizer__learning_rate=rate)
        return {**config, "trainer": {**config["trainer"], "batch": int(1000 * rate)}}

    for cell in ("lstm", "gru"):
        for task, rate in (("adding", 0.003), ("jsb_music21", 0.01)):
            write(tmp_path, budget(cell, 0, task, rate))
    groups = grouped(tmp_path)
    assert labels(groups) == [
        *("gru task=adding", "gru task=jsb_music21", "lstm task=adding", "lstm task=jsb_music21"),
    ]
    assert {item.variant for item in groups.groups} == {"gru", "lstm"}
    assert groups.implied == {"optimizer.learning_rate": "task", "trainer.batch": "task"}
    asked = compare("demo", tmp_path, within=["optimizer.learning_rate"])
    assert {row.group.values["optimizer.learning_rate"] for row in asked.rows} == {0.003, 0.01}
    assert {row.name for row in asked.rows} == {"gru", "lstm"}
    # One task with two rates, and the rate tells groups apart again.
    write(tmp_path, budget("lstm", 0, "adding", 0.01))
    assert "lstm task=adding learning_rate=0.01 batch=10" in labels(grouped(tmp_path))
    assert grouped(tmp_path).implied == {}


def test_a_training_that_each_optimizer_has_for_itself_is_no_key(tmp_path: Path) -> None:
    for clipnorm in (None, 1.0):
        for cell in ("lstm", "gru"):
            adam = {"name": "adam", "learning_rate": 0.01, "clipnorm": clipnorm}
            sgd = {"name": "sgd", "learning_rate": 0.1, "momentum": 0.95, "clipnorm": clipnorm}
            for optimizer in (adam, sgd):
                write(tmp_path, {**configuration(cell, 0), "optimizer": optimizer})
    groups = grouped(tmp_path)
    assert labels(groups)[:4] == [
        "gru optimizer=adam",
        "gru optimizer=adam clipnorm=1.0",
        "gru optimizer=sgd",
        "gru optimizer=sgd clipnorm=1.0",
    ]
    owner = "optimizer"
    assert groups.implied == {"optimizer.learning_rate": owner, "optimizer.momentum": owner}
    said = compare("demo", tmp_path, baseline="lstm", within=["optimizer"])
    assert (
        "each optimizer has its own optimizer.learning_rate, optimizer.momentum,"
        " which labels do not show" in (said.notes)
    )
    assert {len(row.shared_keys) for row in said.rows} == {2}


def test_a_training_that_task_and_optimizer_decide_is_no_key(tmp_path: Path) -> None:
    for task, optimizer, rate in (
        *(("adding", "adam", 0.01), ("adding", "sgd", 0.1)),
        *(("jsb_music21", "adam", 0.1), ("jsb_music21", "sgd", 0.3)),
    ):
        config = configuration("lstm", 0, task__name=task)
        write(tmp_path, {**config, "optimizer": {"name": optimizer, "learning_rate": rate}})
    groups = grouped(tmp_path)
    assert groups.implied == {"optimizer.learning_rate": "task and optimizer"}
    assert labels(groups)[0] == "task=adding optimizer=adam"


def test_an_option_is_shown_of_the_cell_that_has_it_in_two_ways(tmp_path: Path) -> None:
    for equation in ("a", "b"):
        write(tmp_path, configuration("gru", 0, cell__equations__h=equation))
    write(tmp_path, configuration("lstm", 0), configuration("rnn", 0))
    assert labels(grouped(tmp_path)) == ["gru equations.h=a", "gru equations.h=b", "lstm", "rnn"]


def test_launch_keys_make_no_groups(tmp_path: Path) -> None:
    write(tmp_path, configuration(), configuration(seed=1, plugins=["a.py"], threads=2))
    assert labels(grouped(tmp_path)) == ["lstm"]


def test_by_pools_the_rest_and_pairs_by_it(tmp_path: Path) -> None:
    for rate in (0.1, 0.01):
        for seed in (0, 1):
            write(tmp_path, configuration("lstm", seed, optimizer__learning_rate=rate))
    groups = grouped(tmp_path, ["cell"])
    assert labels(groups) == ["lstm"]
    assert groups.pooled == ("optimizer.learning_rate",)
    assert sorted(map(repr, groups.groups[0].pairing_keys)) == [
        "(0, '=0.01')",
        "(0, '=0.1')",
        "(1, '=0.01')",
        "(1, '=0.1')",
    ]


def test_what_was_tuned_for_each_group_is_not_pooled(tmp_path: Path) -> None:
    for seed in (0, 1):
        write(tmp_path, configuration("lstm", seed, optimizer__learning_rate=0.1))
        write(tmp_path, configuration("gru", seed, optimizer__learning_rate=0.01))
    groups = grouped(tmp_path, ["cell"])
    assert groups.pooled == ()
    assert groups.implied == {"optimizer.learning_rate": "group"}
    assert [group.pairing_keys for group in groups.groups] == [((0,), (1,)), ((0,), (1,))]
    write(tmp_path, configuration("gru", 0, optimizer__learning_rate=0.1))
    groups = grouped(tmp_path, ["cell"])
    assert groups.pooled == ("optimizer.learning_rate",)
    assert groups.implied == {}


@pytest.mark.parametrize(
    ("key", "chooses"),
    [
        *(("cell", True), ("mixers", True), ("swap.forget", True), ("block.kind", True)),
        *(("task.name", True), ("cell.gates.forget.kind", True), ("cell.equations.h", True)),
        *(("optimizer.name", False), ("optimizer.learning_rate", False), ("layers", False)),
        *(("swap.forget.stretch", False), ("block.conv", False), ("cell.zoneout.h", False)),
    ],
)
def test_what_chooses_a_variant_is_not_tuned(key: str, chooses: bool) -> None:
    assert names_variant(key) is chooses


def test_by_units_does_not_hide_that_the_cells_differ(tmp_path: Path) -> None:
    write(tmp_path, configuration("lstm", units=3), configuration("gru", units=4))
    groups = grouped(tmp_path, ["units"])
    assert "cell" in groups.pooled
    assert "cell" not in groups.implied


def biased(cell: str, gate: str, bias: bool, seed: int = 0) -> dict[str, Any]:
    config = configuration(cell, seed)
    config["cell"] = copy.deepcopy(config["cell"])
    config["cell"]["gates"][gate]["bias"] = bias
    return config


@pytest.mark.parametrize("key", ["cell.gates.forget.bias", "cell.gates.forget"])
def test_by_a_role_means_the_gate_of_each_cell(tmp_path: Path, key: str) -> None:
    gates = {"lstm": "forget", "gru": "update"}
    write(
        tmp_path,
        *(
            biased(cell, gate, b, s)
            for cell, gate in gates.items()
            for b in (True, False)
            for s in (0, 1)
        ),
    )
    by_role = grouped(tmp_path, ["cell", key])
    assert labels(by_role) == labels(grouped(tmp_path))
    assert len(by_role.groups) == 4
    assert all(len(group.runs) == 2 for group in by_role.groups)


def test_by_a_parent_key_means_what_differs_below_it(tmp_path: Path) -> None:
    write(tmp_path, configuration("lstm"), swapped("lstm", 0), configuration("lstm", units=3))
    assert labels(grouped(tmp_path, ["swap"])) == ["forget=power_law", "lstm"]
    assert labels(grouped(tmp_path, ["swap.forget"])) == ["forget=power_law", "lstm"]


@pytest.mark.parametrize(
    ("changed", "expected"),
    [
        ({"plugins": {"power_law": "sha256:1111222233334444"}}, "plugin.power_law=11112222"),
        ({"data_hash": "sha256.9999888877776666"}, "data=99998888"),
    ],
)
def test_a_group_whose_source_changed_is_two_groups(
    tmp_path: Path, changed: dict[str, Any], expected: str
) -> None:
    before = {"plugins": {"power_law": "sha256:aaaabbbbccccdddd"}}
    write(tmp_path, configuration("lstm", 0), configuration("lstm", 1), **before)
    write(tmp_path, configuration("lstm", 2), **{**before, **changed})
    write(tmp_path, configuration("lstm", 3), state="LOST")
    groups = grouped(tmp_path)
    assert len(groups.groups) == 2
    assert len(group(groups, expected).runs) == 1
    assert {item.variant for item in groups.groups} == {"lstm"}
    assert [item.missing_states() for item in groups.groups] == [{"LOST": 1}, {"LOST": 1}]


def test_missing_runs_stay_with_their_group(tmp_path: Path) -> None:
    write(tmp_path, configuration("lstm", 0), configuration("gru", 0))
    write(tmp_path, configuration("lstm", 1), configuration("rnn", 0), state="FAILED")
    groups = grouped(tmp_path)
    assert labels(groups) == ["gru", "lstm", "rnn"]
    assert group(groups, "lstm").missing_states() == {"FAILED": 1}
    assert group(groups, "rnn").runs == ()


def test_a_run_without_config_belongs_to_no_known_group(tmp_path: Path) -> None:
    write(tmp_path, configuration())
    folder = write_run(tmp_path / "demo" / "runs", configuration("gru"))
    (folder / "config.yaml").unlink()
    groups = grouped(tmp_path)
    assert labels(groups) == ["lstm"]
    assert [run.id for run in groups.unknown] == [folder.name]


def test_a_script_of_ones_own_needs_no_cell(tmp_path: Path) -> None:
    for width in (1, 2):
        config = {"task": {"name": "mine"}, "width": width, "seed": 0}
        write(tmp_path, config)
    assert labels(grouped(tmp_path)) == ["width=1", "width=2"]


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("a\nb\x1b[31m", r"a\nb\x1b[31m"),
        ("\u202eabc", r"\u202eabc"),
        ("\ud800", r"\ud800"),
        ("emoji 🎵 naïve", "emoji 🎵 naïve"),
    ],
)
def test_a_label_cannot_move_the_cursor(text: str, shown: str) -> None:
    assert printable(text) == shown


def test_an_exact_label_comes_before_a_longer_spelling(tmp_path: Path) -> None:
    for gate in ("input", "forget"):
        for eps in (0.1, 0.2):
            config = configuration("lstm")
            config["cell"]["gates"][gate]["eps"] = eps
            config["cell"]["gates"]["input" if gate == "forget" else "forget"]["eps"] = 1
            write(tmp_path, config)
    labels_ = labels(grouped(tmp_path))
    assert "forget.eps=0.1 input.eps=1" in labels_
    for label in labels_:
        comparison = compare("demo", tmp_path, baseline=label)
        assert [item.group.label for item in comparison.rows if item.is_baseline] == [label]
        selected = select(f"demo/{label}", tmp_path).group
        assert selected is not None
        assert selected.label == label


@pytest.mark.parametrize("name", ["forget=slow stretch=4", "swap.forget=slow stretch=4"])
def test_a_baseline_is_named_by_any_spelling(tmp_path: Path, name: str) -> None:
    slow = {"kind": "slow", "stretch": 4}
    write(tmp_path, configuration(swap={"forget": "sigmoid"}), configuration(swap={"forget": slow}))
    comparison = compare("demo", tmp_path, baseline=name)
    found = [item.group.label for item in comparison.rows if item.is_baseline]
    assert found == ["forget=slow stretch=4"]
    difference = next(item.difference for item in comparison.rows if item.difference)
    assert difference.baseline == "forget=slow stretch=4"
    with pytest.raises(ConfigError, check=at("baseline")):
        compare("demo", tmp_path, baseline="sigmod")


def test_the_plainest_group_is_the_baseline(tmp_path: Path) -> None:
    for stretch in (4, 16):
        slow = {"kind": "slow", "stretch": stretch}
        write(tmp_path, configuration(swap={"forget": slow}))
    write(tmp_path, configuration(swap={"forget": "power_law"}))
    write(tmp_path, configuration(swap={"forget": "sigmoid"}))

    def baseline() -> str:
        comparison = compare("demo", tmp_path)
        return next(item.group.label for item in comparison.rows if item.is_baseline)

    assert baseline() == "forget=sigmoid"
    write(tmp_path, configuration(swap={"forget": "forget"}))
    assert baseline() == "forget=forget"
    write(tmp_path, configuration(output_unit={"kind": "damped"}, swap={"forget": "forget"}))
    assert baseline() == "forget=forget output_unit=hidden"
