"""Blocks, widths and cells by layer in plans and models."""

from __future__ import annotations

from pathlib import Path

import pytest
from omegaconf import OmegaConf
from refused import at, saying
from seams import components, in_order, of_kind, plan, run_settings, validate, variant
from seams import plain_config as plain

from gatekit import ConfigError, Signature


def planned(*argv):
    return plan(["-m", "task=adding", *argv]).runs


def only(*argv):
    (run,) = planned(*argv)
    return run


def test_blocks_and_their_options_are_swept():
    runs = planned("cell=lstm", "block=modern", "block.conv=0,4", "swap.forget=sigmoid,power_law")
    assert len({run.fingerprint for run in runs}) == 4
    assert runs[0].config["block"] == {"kind": "modern", "conv": 0}
    assert runs[2].config["block"] == {"kind": "modern"}
    assert runs[2].parameters - runs[0].parameters == 4 * 64 + 64
    assert {"power_law_gate", "modern_block"} <= set(runs[1].plugins)
    assert "plain_block" not in only("cell=lstm").plugins


def test_the_width_is_the_models_and_units_follow_where_they_are_not_typed():
    def sizes(kind, **typed):
        block = {"kind": kind, **typed.pop("block", {})}
        given = {"block": block, "units": None, "width": None, **typed}
        config = plain(OmegaConf.create(given), {})
        return config["units"], config["width"]

    assert sizes("plain") == (64, None)
    assert sizes("plain", width=32) == (32, 32)
    assert sizes("modern") == (64, None)
    assert sizes("modern", width=32) == (32, 32)
    assert sizes("mamba") == (128, 64)
    assert sizes("mamba", width=32) == (64, 32)
    assert sizes("mamba", block={"expand": 1}, width=32) == (32, 32)
    assert sizes("mamba", units=32) == (32, None)
    assert sizes("mamba", units=24, width=32) == (24, 32)
    # a run has one name, whether its width is typed or follows
    config = only("cell=lstm", "block=modern", "width=32").config
    assert (config["units"], config["width"]) == (32, None)


def test_a_budget_is_met_by_the_width_from_which_units_follow():
    wanted = only("cell=lstm", "block=mamba", "width=20")
    run = only("cell=lstm", "block=mamba", f"match=parameters:{wanted.parameters}")
    assert (run.config["width"], run.config["units"]) == (20, 40)
    assert run.fingerprint == wanted.fingerprint


def test_what_does_not_go_together_is_refused():
    for words, check in (
        (["block=modern", "residual=true"], saying("residual")),
        (["block=plain", "block.conv=2"], at("block.conv")),
        (["block=modern", "block.convolution=2"], at("block.convolution")),
        (["mixers=[lstm,gru]", "layers=3"], saying("layers=2")),
        (["mixers=lstm", "layers=2"], at("mixers")),
        (
            ["mixers=[lstm,gru]", "layers=2", "swap.forgot=sigmoid"],
            saying("swap.forgot"),
        ),
    ):
        with pytest.raises(ConfigError, check=check):
            planned(*words)


def test_cells_by_layer_are_repeated_and_a_swap_is_in_those_that_have_its_role():
    words = ("layers=4", "units=8", "mixers=[lstm,gru]")
    run, swapped = only(*words), only(*words, "swap.output=power_law")
    assert [cell["name"] for cell in run.config["mixers"]] == ["lstm", "gru"]
    assert run_settings(run.config)["cell"] == "lstm+gru"
    assert "mixers" not in run_settings(run.config)
    assert swapped.parameters == run.parameters + 2 * 8
    assert only("layers=4", "units=8", "mixers=[gru,lstm]").fingerprint != run.fingerprint
    assert only("layers=2", "units=8", "mixers=[lstm,lstm]", "block=modern").parameters == (
        only("layers=2", "units=8", "cell=lstm", "block=modern").parameters
    )


def test_a_recorded_run_is_planned_again_under_its_name():
    words = ("block=modern", "layers=2", "units=8", "width=4", "mixers=[lstm,gru]")
    run = only(*words, "swap.output=power_law")
    again = variant(validate(dict(run.config)), components.load(), swapped=True)
    assert again.fingerprint(0) == run.fingerprint


def test_an_own_block_is_in_the_fingerprint(tmp_path: Path):
    from seams import scaffold

    ((_, source),) = scaffold.plugin("block", "branched").items()
    names = []
    for folder, text in (
        ("one", source),
        ("same", source.replace("mixed +", "mixed  +")),
        ("other", source.replace("mixed +", "mixed -")),
    ):
        path = tmp_path / folder / "branched.py"
        path.parent.mkdir()
        path.write_text(text)
        run = only("cell=lstm", "block=branched", f"plugins=[{path}]")
        assert "branched" in run.plugins
        names.append(run.fingerprint)
    assert names[0] == names[1] != names[2]


def test_a_label_has_the_block_and_not_the_sizes_that_follow_from_it():
    rows = [
        {"block.kind": "modern", "units": 64},
        {"block.kind": "mamba", "units": 128, "width": 64},
    ]
    keys = ["block.kind", "units", "width"]
    assert of_kind(keys, rows) == {"units": False, "width": False}
    wide = [{**row, "units": 2 * row["units"]} for row in rows]
    wide[1]["width"] = 128
    assert of_kind(keys, [*rows, *wide]) == {}
    assert in_order(["width", "task.name", "block.kind", "cell"])[:2] == ["cell", "block.kind"]


SIZES = [
    "block=modern layers=2 width=4",
    "block=griffin width=6 bidirectional=true layers=2",
    "block=slstm width=8 mixers=[lstm,mingru] layers=2 dropout=0.1",
    "block=plain mixers=[lstm,gru] layers=2 units=4 bidirectional=true",
]


@pytest.mark.parametrize("words", SIZES)
def test_the_model_has_the_parameters_of_the_plan(words, float32):
    from seams import build_model, parameter_counts

    run = only(*words.split(), "task.length=5", "trainer.batch=3")
    signature = Signature(features=2, vocabulary=None, outputs=1, loss="mse")
    model = build_model(run.config, signature, masked=False)
    assert parameter_counts(model)["recurrent"] == run.parameters


def test_weights_of_a_block_follow_from_the_runs_seed_by_their_names(float32):
    import numpy
    from seams import build_model, named_weights

    signature = Signature(features=None, vocabulary=5, outputs=2, loss="categorical")
    models = [
        named_weights(
            build_model(
                only("block=modern", "width=4", "mixers=[lstm,gru]", "layers=2", seed).config,
                signature,
                masked=True,
            )
        )
        for seed in ("seed=0", "seed=0", "seed=1")
    ]
    assert all(numpy.array_equal(models[0][name], models[1][name]) for name in models[0])
    name = "block_1/gate/kernel"
    assert not numpy.array_equal(models[0][name], models[2][name])
    assert models[0]["embedding/embeddings"].shape == (5, 4)
    assert {"block_0/rnn_0/forget.x", "block_1/rnn_1/update.x"} <= set(models[0])


def test_a_plain_model_has_the_names_and_the_numbers_it_had(float32):
    import numpy
    from seams import build_model, named_weights, seeds

    import gatekit

    run = only("cell=lstm", "units=3", "layers=2", "dropout=0.1", "seed=5")
    signature = Signature(features=2, vocabulary=None, outputs=1, loss="mse")
    model = build_model(run.config, signature, masked=False)
    assert [layer.name for layer in model.layers] == [
        *("x", "rnn_0", "dropout_0", "rnn_1", "dropout_1", "head")
    ]
    layer = gatekit.RNN("lstm", 3, seed=seeds.integer(5, "init", "rnn_1", bits=31))
    layer.build((None, None, 3))
    found = named_weights(model)["rnn_1/forget.x"]
    assert numpy.array_equal(found, layer.named_weights["forget.x"].numpy())


def test_components_know_the_options_of_blocks():
    block = components.load().catalogue.blocks["mamba"]
    assert components.Components.defaults(block) == {"conv": 4, "expand": 2.0}
