"""``gatekit code RUN``: the whole model of a run, scored as the run was."""

import json
import runpy
import sys
import types

import numpy
import pytest
from reference.peers import library
from seams import EXIT_REFUSED, main, read_model

import gatekit
from gatekit.code import FRAMEWORKS, generate


@pytest.fixture
def code(trained, monkeypatch, capsys):
    """A function that runs the command and returns its exit code and what it prints."""
    project, run = trained
    monkeypatch.chdir(project)

    def call(*words, to="torch"):
        done = main(["code", run.fingerprint, "--to", to, *words])
        out = capsys.readouterr()
        return done, out.out or out.err

    return call


def test_the_script_beside_prints_the_score(code, trained, tmp_path, monkeypatch, capsys):
    library("torch")
    done, _ = code("-o", str(tmp_path / "model"))
    assert done == 0
    names = ["model.py", "model.safetensors", "score.py", "test.npz"]
    assert sorted(path.name for path in (tmp_path / "model").iterdir()) == names
    monkeypatch.syspath_prepend(tmp_path / "model")
    try:
        runpy.run_path(str(tmp_path / "model/score.py"), run_name="__main__")
    finally:
        del sys.modules["model"]
    project, run = trained
    best = json.loads((project / run.path / "result.json").read_text())["best"]
    assert capsys.readouterr().out == f"test bits {best['test']:.4g}\n"
    assert f"test bits {best['test']:.4g}" in (tmp_path / "model/score.py").read_text()
    # Its own files are written again, those of others are not.
    assert code("-o", str(tmp_path / "model"), "--no-test")[0] == 0
    (tmp_path / "model/model.py").write_text("mine = 1\n")
    done, text = code("-o", str(tmp_path / "model"))
    assert (done, "did not write it" in text) == (EXIT_REFUSED, True)


def test_parts_may_be_omitted(code, tmp_path):
    for option, names in (
        ("--no-weights", ["model.py"]),
        ("--no-test", ["model.py", "model.safetensors"]),
    ):
        place = tmp_path / option
        assert code(option, "-o", str(place), to="torch")[0] == 0
        assert sorted(path.name for path in place.iterdir()) == names
    assert "class Model(nn.Module):" in code(to="torch")[1]
    assert json.loads(code("--json")[1])["weights"]["head_bias"] == ["head/bias"]


def test_a_language_model_for_transformers(code, tmp_path):
    assert code("-o", str(tmp_path / "model"), to="transformers")[0] == 0
    names = ["__init__.py", "config.json", "configuration_gru.py", "model.safetensors"]
    found = sorted(path.name for path in (tmp_path / "model").iterdir())
    assert found == [*names, "modeling_gru.py"]
    assert code("-o", str(tmp_path / "model"), to="transformers")[0] == 0
    assert "class GRUForCausalLM(" in code(to="transformers")[1]
    weights = json.loads(code("--json", to="transformers")[1])["weights"]
    assert weights["lm_head.weight"] == ["head/kernel"]


def test_keys_and_changed_data_are_refused(code, trained, tmp_path):
    done, text = code("units=3")
    assert (done, "omit units=3" in text) == (EXIT_REFUSED, True)
    done, text = code("--layer", "rnn_0")
    assert (done, "--layer belongs to --with-weights" in text) == (EXIT_REFUSED, True)
    done, text = code("-o", "model.py")
    assert (done, "the folder of a whole model" in text) == (EXIT_REFUSED, True)
    path = trained[0] / "text.txt"
    kept = path.read_text()
    path.write_text(kept[1:] + "\n")
    try:
        done, text = code("-o", str(tmp_path / "model"))
    finally:
        path.write_text(kept)
    assert (done, "its score cannot be reproduced" in text) == (EXIT_REFUSED, True)
    path.write_text(kept.replace("g", ""))
    try:
        done, text = code("-o", str(tmp_path / "model"), "--no-test")
    finally:
        path.write_text(kept)
    assert (done, "do not fit its task" in text) == (EXIT_REFUSED, True)


def test_weights_of_every_framework_are_read_back(trained, monkeypatch):
    project, run = trained
    monkeypatch.chdir(project)
    model = read_model(project / run.path)
    with numpy.load(project / run.path / "weights.npz") as archive:
        expected = dict(archive)
    for to in ("transformers", *FRAMEWORKS):
        packed = generate(model.built, to).layout.pack(model.weights)
        found = gatekit.convert.from_code(packed, run.fingerprint)
        assert found.keys() == expected.keys()
        assert all((found[name] == expected[name]).all() for name in expected)
    # As a JAX file has them.
    layers = [{}, {}]
    for name in [name for name in packed if "." in name]:
        _, index, own = name.split(".")
        layers[int(index)][own] = packed.pop(name)
    found = gatekit.convert.from_code({**packed, "layers": layers}, run.fingerprint)
    assert found.keys() == expected.keys()
    with pytest.raises(gatekit.DataError, match="missing embedding, head_bias"):
        gatekit.convert.from_code({}, run.fingerprint)


def test_a_model_that_torch_trained_on_is_probed(code, trained, tmp_path):
    torch = library("torch")
    from safetensors.torch import save_file

    code("-o", str(tmp_path), "--no-test", to="torch")
    module = types.ModuleType("model")
    module.__file__ = str(tmp_path / "model.py")
    exec((tmp_path / "model.py").read_text(), vars(module))
    model, tokens = module.load(), torch.tensor([[1, 4, 2, 3]])
    logits, _ = model(tokens)
    module.loss(logits, tokens, torch.ones(1, 4)).backward()
    with torch.no_grad():
        for weight in model.parameters():
            weight -= weight.grad
    path = tmp_path / "trained.safetensors"
    save_file(model.state_dict(), path)

    run = trained[1].fingerprint
    weights = gatekit.convert.from_code(path, run)
    probed = [gatekit.probe(run, each)["layers"]["rnn_0"] for each in (None, weights)]
    means = [each["gates"]["update"]["mean"] for each in probed]
    assert means[0] != means[1]


def test_a_model_without_a_run_has_no_weights(monkeypatch, tmp_path, capsys):
    torch = library("torch")
    monkeypatch.chdir(tmp_path)
    words = ["cell=rnn", "units=2", "layers=2", "task=adding", "bidirectional=true"]
    assert main(["code", *words, "residual=true", "-o", "new"]) == 0
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["model.py"]
    module = types.ModuleType("model")
    exec((tmp_path / "new/model.py").read_text(), vars(module))
    y, _ = module.Model()(torch.zeros(3, 5, 2))
    assert y.shape == (3, 1)
    capsys.readouterr()
    for refused, word in (
        (["pool=all"], "pool=all has weights for each step"),
        (["-o", "model.py"], "the folder of a whole model"),
        (["--to", "transformers"], "--to transformers writes whole language models"),
    ):
        assert main(["code", *words[:4], *refused]) == EXIT_REFUSED
        assert word in capsys.readouterr().err
