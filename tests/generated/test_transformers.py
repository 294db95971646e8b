"""Language models for transformers: loaded, saved, continued, and started at other sizes."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from typing import Any

import pytest
from reference.peers import library
from seams import Around, Stack, build_stack, read_block, read_output_unit
from seams import code_files as files

import gatekit
from gatekit.code import generate
from gatekit.registry import catalogue, load_cell

from .test_models import assert_same, of_run


def language_model(*cells: str, layers: int = 1) -> Stack:
    known = catalogue(())
    specs = [load_cell(cells[i % len(cells)], known, ()) for i in range(layers)]
    unit, block = read_output_unit("hidden", known), read_block("modern", known)
    stack = build_stack(specs, unit, block, units=8, features=8, width=8)
    around = Around("words", 11, None, 11, "every", 1, "categorical", "bits")
    return Stack(stack.layers, around=around)


def test_other_models_are_refused() -> None:
    stack = language_model("gla")
    for built in (Stack(stack.layers), of_run("steps").trained.built, stack.layers[0]):
        with pytest.raises(gatekit.ConfigError, match="writes whole language models"):
            generate(built, "transformers")


@pytest.fixture
def transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """transformers, whose copies of code are in a folder of the test."""
    library("torch")
    reason = "needs the extra transformers: pip install -e .[transformers]"
    found = pytest.importorskip("transformers", reason=reason)
    place = str(tmp_path / "modules")
    monkeypatch.setattr("transformers.dynamic_module_utils.HF_MODULES_CACHE", place)
    monkeypatch.syspath_prepend(place)
    for name in [n for n in sys.modules if n.partition(".")[0] == "transformers_modules"]:
        monkeypatch.delitem(sys.modules, name)  # of the folder of another test
    found.logging.disable_progress_bar()
    return found


@pytest.mark.parametrize("name", ["characters", "words"])
def test_transformers_load_and_save_the_model_of_a_run(
    name: str, transformers: Any, tmp_path: Path
) -> None:
    import torch

    case = of_run(name)
    for file, content in files(
        generate(case.trained.built, "transformers"), case.trained, "transformers", None
    ).items():
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / file).write_bytes(content)
    auto = transformers.AutoModelForCausalLM
    model = auto.from_pretrained(tmp_path / name, trust_remote_code=True, dtype=torch.float64)
    x, mask = torch.from_numpy(case.x).long(), torch.from_numpy(case.mask)
    with torch.no_grad():
        logits = model.eval()(x, attention_mask=mask.long()).logits
        assert_same(case, logits)
        model.save_pretrained(tmp_path / "saved")
        again = auto.from_pretrained(tmp_path / "saved", trust_remote_code=True).eval()
        assert torch.equal(again(x, attention_mask=mask.long()).logits, logits)
        # In parts, with carried states; the last step of a prompt alone.
        begun = model(x[:, :2])
        whole, rest = model(x).logits, model(x[:, 2:], state=begun.state).logits
        assert torch.allclose(whole[:, 2:], rest, 1e-10)
        last = model(x, logits_to_keep=1).logits[:, 0]
        assert torch.allclose(last, whole[:, -1], 1e-10)
        # The loss of the next tokens; those of -100 do not count.
        labels = x.clone()
        labels[0, 1:] = -100
        chosen = torch.log_softmax(whole.float(), -1)[1:, :-1].gather(-1, x[1:, 1:, None])
        assert torch.allclose(model(x, labels=labels).loss, -chosen.mean())
        options = {"max_new_tokens": 5, "pad_token_id": 0, "do_sample": False}
        carried, anew = (model.generate(x, use_cache=each, **options) for each in (True, False))
        assert carried.shape == (3, 9)
        assert torch.equal(carried, anew)
        with pytest.raises(ValueError, match="rows of one sequence"):
            model(x, cu_seqlens=torch.tensor([0, 2, 4]))


def test_other_sizes_start_as_flame_starts_them(transformers: Any, tmp_path: Path) -> None:
    """On no device at first; the weights are drawn when they are on one."""
    import torch

    generated = generate(language_model("kda", layers=2), "transformers")
    place = tmp_path / "kda_model"
    place.mkdir()
    for file, text in generated.files.items():
        (place / file).write_text(text)
    options = {"hidden_size": 12, "units": 16, "num_hidden_layers": 3}
    (place / "larger.json").write_text(json.dumps({"model_type": "gatekit_kda", **options}))
    sys.path.insert(0, str(tmp_path))
    try:
        importlib.import_module("kda_model")
    finally:
        sys.path.remove(str(tmp_path))
    config = transformers.AutoConfig.from_pretrained(place / "larger.json")
    with torch.device("meta"):
        model = transformers.AutoModelForCausalLM.from_config(config)
        model.apply(lambda module: setattr(module, "_is_hf_initialized", False))
    model.to_empty(device="cpu")
    with torch.no_grad():
        for weight in model.parameters():
            weight.fill_(torch.nan)
        model.post_init()
    weights = model.state_dict()
    assert all(weight.isfinite().all() for weight in weights.values())
    assert (weights["model.layers.0.norm_scale"] == 1).all()
    assert weights["model.embeddings.weight"].shape == (11, 12)
    assert "model.layers.2.final_norm_scale" in weights
    tokens = torch.tensor([[1, 2, 3]])
    model(tokens, labels=tokens).loss.backward()
    assert all(weight.grad is not None for weight in model.parameters())
    hybrid = generate(language_model("kda", "lstm", layers=2), "transformers").text
    assert 'raise ValueError("this file was written for num_hidden_layers=2")' in hybrid
