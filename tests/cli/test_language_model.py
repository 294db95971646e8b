"""The experiment language_model at a small size: trained, exported, trained on, read back."""

import json
import random
import runpy
import sys
import threading
import types

import keras
import pytest
from reference.peers import library
from seams import RunFolder, components, main, plan

import gatekit

SMALL = ["task=token_lm", "task.path=text.txt", "task.length=5", "task.vocabulary=12"]
SMALL += ["width=8", "units=8", "layers=2", "trainer.steps=4", "trainer.batch=4", "jit=false"]


@pytest.fixture(scope="module")
def model(tmp_path_factory):
    """The folder of a project, with a run of the experiment on a text of its own."""
    from seams import train_run as train

    project = tmp_path_factory.mktemp("project")
    before = keras.config.dtype_policy()
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(project)
        draw = random.Random(0)
        words = [draw.choice(["the", "cat", "dog", "sat", "ran", ".\n"]) for _ in range(900)]
        (project / "text.txt").write_text(" ".join(words))
        (run,) = plan(["experiment=language_model", *SMALL, "study=words"]).runs
        run.path.parent.mkdir(parents=True)
        folder = RunFolder(run.path)
        folder.claim()
        folder.write_config(run.config)
        task = components.load().task(run.config["task"])
        result = train(run.config, task, folder, threading.Event(), verbose=0)
        facts = {"fingerprint": run.fingerprint, "data_hash": run.data_hash, "plugins": {}}
        folder.finish({**result, **facts})
    keras.config.set_dtype_policy(before)
    return project, run


def test_the_score_is_a_perplexity_and_reproduced(model, tmp_path, monkeypatch, capsys):
    library("torch")
    project, run = model
    monkeypatch.chdir(project)
    best = json.loads((project / run.path / "result.json").read_text())["best"]
    assert 1 < best["test"] < 12
    assert main(["code", run.fingerprint, "-o", str(tmp_path)]) == 0
    capsys.readouterr()
    monkeypatch.syspath_prepend(tmp_path)
    try:
        runpy.run_path(str(tmp_path / "score.py"), run_name="__main__")
    finally:
        del sys.modules["model"]
    assert capsys.readouterr().out == f"test perplexity {best['test']:.4g}\n"


def test_it_trains_on_in_torch_and_is_read_here(model, tmp_path, monkeypatch):
    torch = library("torch")
    from safetensors.torch import save_file

    project, run = model
    monkeypatch.chdir(project)
    assert main(["code", run.fingerprint, "-o", str(tmp_path), "--no-test"]) == 0
    module = types.ModuleType("model")
    module.__file__ = str(tmp_path / "model.py")
    exec((tmp_path / "model.py").read_text(), vars(module))
    trained = module.load().train()
    task = components.load().task(run.config["task"])
    splits = task.splits(None)
    x, y = (torch.from_numpy(a).long() for a in (splits["train"].x, splits["train"].y))
    optimizer, losses = torch.optim.Adam(trained.parameters(), 0.02), []
    for _ in range(6):
        loss = module.loss(trained(x)[0], y, torch.ones(y.shape))
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < losses[0]
    path = tmp_path / "trained.safetensors"
    save_file(trained.state_dict(), path)
    assert gatekit.convert.from_code(path, run.fingerprint)


@pytest.mark.parametrize("to", ["torch", "transformers"])
def test_without_a_run_the_file_is_the_same(model, to, monkeypatch, capsys):
    project, run = model
    monkeypatch.chdir(project)
    words = ["cell=gated_delta_net", "block=gla", "dropout=0.1", *SMALL]
    words = [word for word in words if not word.startswith(("trainer", "jit"))]
    assert main(["code", run.fingerprint, "--to", to]) == 0
    expected = capsys.readouterr().out
    assert main(["code", "--to", to, *words]) == 0
    assert capsys.readouterr().out == expected


def test_byte_pairs_have_their_tokenizer_beside_the_model(model, tmp_path, monkeypatch):
    pytest.importorskip("tokenizers", reason="needs the extra text: pip install -e .[text]")
    project, _ = model
    monkeypatch.chdir(project)
    words = ["cell=kda", "block=modern", "task=token_lm", "task.path=text.txt", "units=4"]
    words += [
        "task.unit=byte_pair",
        "task.vocabulary=262",
        "--to",
        "transformers",
        "-o",
        str(tmp_path / "new"),
    ]
    assert main(["code", *words]) == 0
    names = {path.name for path in (tmp_path / "new").iterdir()}
    assert {"modeling_kda.py", "tokenizer.json", "tokenizer_config.json"} < names
    assert "model.safetensors" not in names
