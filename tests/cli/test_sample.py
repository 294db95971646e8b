"""``gatekit sample``: what a trained character model writes, and what it refuses."""

import json
from dataclasses import replace

import numpy
import pytest

from gatekit.cli.main import main
from gatekit.registry import components
from gatekit.runs.folder import RunFolder
from gatekit.runs.studies.survey import find
from gatekit.training import writing
from gatekit.training.model import build_model, set_weights
from gatekit.training.writing import drawn, stepper

from .conftest import WORDS


@pytest.fixture
def sample(trained, monkeypatch, capsys):
    """A function that runs the command and returns its exit code and what it prints."""
    project, run = trained
    monkeypatch.chdir(project)

    def call(*words, of=run.fingerprint):
        code = main(["sample", of, *words])
        out = capsys.readouterr()
        return code, out.out or out.err

    return call


def test_the_seed_decides_what_is_written(sample):
    first, again, other = (
        json.loads(sample("--length", "40", "--seed", seed, "--json")[1]) for seed in "001"
    )
    assert first == again
    assert first["text"] != other["text"]
    assert len(first["text"]) == 40
    assert set(first["text"]) <= set("".join(WORDS) + "abcdefgh")
    assert (first["prompt"], first["temperature"], first["seed"]) == ("\n", 1.0, 0)


def test_the_prompt_comes_first_and_control_characters_are_escaped(sample):
    code, text = sample("--length", "300", "--temperature", "3", "--prompt", "a dog")
    assert code == 0
    assert text.startswith("a dog")
    assert "\\u001b" in text
    assert "\x1b" not in text


def test_step_by_step_it_reads_what_it_reads_as_a_whole(trained, monkeypatch):
    project, run = trained
    monkeypatch.chdir(project)
    task = components.load().task(run.config["task"])
    found = find(run.fingerprint, "experiments")
    step = stepper(found, dict(run.config), task)
    tokens = [3, 1, 4, 1, 5, 2]
    trainer = {**run.config["trainer"], "tbptt": None}
    whole = build_model({**run.config, "trainer": trainer}, task.signature(), masked=False)
    with numpy.load(found.path / "weights.npz") as weights:
        set_weights(whole, weights)
    logits = whole(numpy.array([tokens])).numpy()[0]
    numpy.testing.assert_allclose([step(token) for token in tokens], logits, atol=1e-5)


def test_draws_follow_the_softmax_and_never_the_unknown_character():
    logits = numpy.array([9.0, 0.0, 1.0, 2.0])
    random = numpy.random.default_rng(0)
    counts = numpy.bincount([drawn(logits, 0.5, random) for _ in range(4000)], minlength=4)
    expected = numpy.exp(logits[1:] / 0.5) / numpy.exp(logits[1:] / 0.5).sum()
    assert counts[0] == 0
    numpy.testing.assert_allclose(counts[1:] / 4000, expected, atol=0.03)
    assert drawn(logits, 0, random) == 3


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("--length", "0"), "--length 500"),
        (("--temperature", "-1"), "--temperature 0.8"),
        (("--temperature", "nan"), "--temperature 0.8"),
        (("--seed", "-1"), "--seed=-1"),
        (("--prompt", "xyz"), "['x', 'y', 'z']"),
        (("--prompt", ""), "the prompt is empty"),
    ],
)
def test_an_option_out_of_range_is_refused(sample, words, said):
    code, text = sample(*words)
    assert code == 2
    assert said in text


def test_another_task_has_no_characters(sample, trained):
    project, run = trained
    path = project / "experiments" / "other" / "runs" / ("0" * 16)
    path.mkdir(parents=True)
    config = {**run.config, "task": {"name": "adding"}}
    folder = RunFolder(path)
    folder.claim()
    folder.write_config(config)
    code, text = sample(of=str(path))
    assert code == 2
    assert "was trained on adding, which has no characters" in text
    assert "char_lm_shakespeare" in text


def changed(trained, name, **keys):
    """Return the folder of a run with other keys in its configuration."""
    project, run = trained
    folder = RunFolder(project / "experiments" / name / "runs" / f"{len(name):016d}")
    folder.path.mkdir(parents=True)
    folder.claim()
    folder.write_config({**run.config, **keys})
    (folder.path / "weights.npz").write_bytes((project / run.path / "weights.npz").read_bytes())
    return str(folder.path)


def test_a_model_that_reads_backwards_cannot_write(sample, trained):
    code, text = sample(of=changed(trained, "both", bidirectional=True))
    assert code == 2
    assert "reads the characters that it would have to write" in text


def test_a_plugin_that_a_runs_files_name_is_not_loaded(sample, trained, tmp_path):
    program = tmp_path / "program.py"
    program.write_text(f"open({str(tmp_path / 'harm')!r}, 'w').close()\n")
    folder = changed(trained, "foreign", plugins=[str(program)])
    code, _ = sample("--length", "3", of=folder)
    assert code == 0
    assert not (tmp_path / "harm").exists()
    gone = changed(trained, "gone", plugins=["own.py"], task={"name": "own_task"})
    assert "trained with plugins=[own.py]" in sample(of=gone)[1]


@pytest.mark.parametrize("keys", [{"units": 20_000}, {"layers": 10_000}])
def test_a_model_much_larger_than_its_weights_takes_no_memory(sample, trained, keys, monkeypatch):
    monkeypatch.setattr(writing, "build_model", None)
    code, text = sample(of=changed(trained, "large" + next(iter(keys)), **keys))
    assert code == 2
    assert "too few for the" in text


def test_without_weights_it_says_what_to_type(sample, trained):
    project, run = trained
    weights = project / run.path / "weights.npz"
    kept = weights.read_bytes()
    weights.unlink()
    try:
        code, text = sample()
    finally:
        weights.write_bytes(kept)
    assert code == 2
    assert "gatekit bundle STUDY --weights" in text
    assert "study=text_again" in text


def test_another_text_is_refused(sample, trained):
    project, _ = trained
    path = project / "text.txt"
    kept = path.read_text()
    path.write_text(kept[1:] + "\n")
    try:
        code, text = sample()
    finally:
        path.write_text(kept)
    assert code == 2
    assert "has changed since it was trained" in text


def test_the_command_to_train_again_has_the_words_of_the_run(trained):
    from gatekit.training import writing

    _, run = trained
    found = find(str(trained[0] / run.path), "experiments")
    found = replace(found, words=("cell=gru", "seed=0", "study=text"))
    assert writing._again(found) == "gatekit train cell=gru seed=0 study=text_again"
