"""Files of whole models compute what the models of runs compute, and load their own weights."""

from __future__ import annotations

import re
import subprocess
import sys
import types
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import keras
import numpy as np
import pytest
import tensorflow as tf
from reference.peers import library
from seams import (
    Trained,
    build_model,
    components,
    named_weights,
    plan,
    read_model,
    set_weights,
    step_metric,
    untrained,
)
from seams import code_files as files
from seams import dumped_config as dumped

from gatekit import Task
from gatekit.code import FRAMEWORKS, generate

from .cases import BATCH, CLOSE, MASK, STEPS
from .test_text import formatted

OWN = '''"""A gate of one's own."""

from gatekit import Gate, hookimpl, ops


class OwnGate(Gate):
    r"""A squared sigmoid: $g = \\sigma(z)^2$."""

    def activate(self, pre):
        return ops.square(ops.sigmoid(pre))


@hookimpl
def gatekit_gates():
    return {"own": OwnGate}
'''
CASES = {
    # Layers that add their inputs, without the last; a gate of one's own; dropout.
    "regression": "task=adding cell=gru swap.reset=own layers=3 residual=true dropout=0.1 units=2",
    "classes": "task=digits cell=lstm bidirectional=true layers=2 units=2",
    "steps": "task=flip_flop cell=lstm block=modern width=4 output_unit=projection units=2",
    "mqar": "task=mqar task.vocabulary=70 cell=gla block=gla width=4 layers=2 dropout=0.1",
    "characters": "task=char_lm task.path=text.txt cell=lstm units=4",
    "words": "task=token_lm task.path=text.txt task.vocabulary=12 task.length=5 units=8 layers=2 "
    "cell=gated_delta_net block=gla width=8",
    # Both directions: at every step, and at the ends of both.
    "both": "task=flip_flop cell=lstm block=modern width=4 units=4 layers=2 bidirectional=true",
    "both_ends": "task=adding cell=gla block=modern width=4 layers=2 units=4 bidirectional=true",
    "mean": "task=adding cell=rnn bidirectional=true pool=mean units=2",
    "all": f"task=adding task.length={STEPS} cell=rnn pool=all units=2",
}


@dataclass(frozen=True)
class ModelCase:
    """The model of a run with random weights, as read from its files, and what it computes."""

    trained: Trained
    task: Task
    model: Any
    x: Any
    mask: Any
    y: Any

    def module(self, to: str) -> Any:
        """Return the generated file as a module."""
        module = types.ModuleType("model")
        exec(generate(self.trained.built, to).text, vars(module))
        return module

    def packed(self, to: str) -> dict[str, Any]:
        """Return the weights by their names in the file."""
        return generate(self.trained.built, to).layout.pack(self.trained.weights)


@cache
def of_run(name: str, precision: str = "float64") -> ModelCase:
    """Return a case; several tests share it."""
    before = keras.config.dtype_policy()
    rng = np.random.default_rng(0)
    with TemporaryDirectory() as place, pytest.MonkeyPatch.context() as patch:
        patch.chdir(place)
        folder = Path(place)
        (folder / "own.py").write_text(OWN)
        (folder / "text.txt").write_text("some words, others; none of them twice. " * 40)
        words = [*CASES[name].split(), "plugins=[own.py]", "executor=reference"]
        (run,) = plan([*words, f"precision={precision}"]).runs
        task = components.load(["own.py"]).task(run.config["task"])
        masked = name != "all"
        model = build_model(run.config, task.signature(), masked, STEPS)
        keras.config.set_dtype_policy(before)
        weights = named_weights(model)
        for path, weight in weights.items():
            weights[path] = (weight + 0.1 * rng.normal(size=weight.shape)).astype(weight.dtype)
        set_weights(model, weights)
        (folder / "config.yaml").write_text(dumped(run.config))
        np.savez(folder / "weights.npz", **weights)  # type: ignore[arg-type]
        trained = read_model(folder, ["own.py"])
        signature = task.signature()
    if signature.vocabulary is None:
        # The model of a run takes inputs in single precision.
        x = rng.normal(size=(BATCH, STEPS, signature.features)).astype("float32").astype(precision)
    else:
        x = rng.integers(0, signature.vocabulary, (BATCH, STEPS)).astype("int32")
    mask = MASK if masked else None
    y = np.asarray(model([x, mask] if masked else x, training=False))
    return ModelCase(trained, task, model, x, mask, y)


def in_torch(case: ModelCase) -> tuple[Any, Any]:
    """Return the module of a file, and its model with the weights of the run."""
    torch = library("torch")
    module = case.module("torch")
    model = module.Model().to(getattr(torch, str(case.y.dtype)))
    packed = {n: torch.from_numpy(w) for n, w in case.packed("torch").items()}
    model.load_state_dict(packed)
    return module, model


def assert_same(case: ModelCase, y: Any) -> None:
    """Compare outputs; masked steps of a model with an output at every step do not count."""
    y = np.asarray(y)
    assert y.shape == case.y.shape
    valid = np.cumsum(MASK, axis=1) > 0 if y.ndim > 2 else np.ones(len(y), bool)
    np.testing.assert_allclose(y[valid], case.y[valid], CLOSE, CLOSE)


@pytest.mark.parametrize("name", CASES)
def test_torch(name: str) -> None:
    torch = library("torch")
    case = of_run(name)
    _, model = in_torch(case)
    model.eval()
    mask = None if case.mask is None else torch.from_numpy(case.mask)
    x = torch.from_numpy(case.x)
    y, states = model(x, mask=mask)
    assert_same(case, y.detach())
    if name == "characters":
        # Windows with carried states give what the whole sequence gives.
        first, states = model(x[:, :2], mask=mask[:, :2])
        second, _ = model(x[:, 2:], states, mask[:, 2:])
        assert_same(case, torch.cat([first, second], dim=1).detach())


def written(case: ModelCase, to: str, folder: Path) -> Any:
    """Return the file of a folder with its weights as a module."""
    for name, content in files(generate(case.trained.built, to), case.trained, to, None).items():
        (folder / name).write_bytes(content)
    module = types.ModuleType("model")
    module.__file__ = str(folder / "model.py")
    exec((folder / "model.py").read_text(), vars(module))
    return module


def test_torch_loads_safetensors(tmp_path: Path) -> None:
    torch = library("torch")
    case = of_run("steps")
    model = written(case, "torch", tmp_path).load()
    y, _ = model(torch.from_numpy(case.x), mask=torch.from_numpy(case.mask))
    assert_same(case, y.detach())


@pytest.mark.one_in(len(CASES), slow=2)
@pytest.mark.parametrize("name", ["characters", *(name for name in CASES if name != "characters")])
def test_jax(name: str, tmp_path: Path) -> None:
    jax = library("jax")
    case = of_run(name)
    with jax.enable_x64(True):
        module = written(case, "jax", tmp_path)
        shapes = jax.tree.map(np.shape, module.init(jax.random.key(0)))
        params = module.load()
        assert shapes == jax.tree.map(np.shape, params)
        y, _ = jax.jit(module.apply)(params, case.x, mask=case.mask)
        assert_same(case, y)


@pytest.mark.one_in(len(CASES), slow=2)
@pytest.mark.parametrize("name", ["mean", *(name for name in CASES if name != "mean")])
def test_keras(name: str, tmp_path: Path) -> None:
    case = of_run(name)
    model = written(case, "keras", tmp_path).load()
    assert_same(case, model(case.x, mask=case.mask))
    y, _ = model.forward(case.x, None, case.mask)
    assert_same(case, y)


@pytest.mark.parametrize(
    ("precision", "steps"),
    [
        ("float64", 3),
        pytest.param("float64", 200, marks=pytest.mark.slow),
        pytest.param("float32", 200, marks=pytest.mark.slow),
    ],
)
def test_training_in_torch_has_the_losses_of_training_here(precision: str, steps: int) -> None:
    torch = library("torch")
    case = of_run("characters", precision)
    module, model = in_torch(case)
    start = [weight.numpy() for weight in case.model.weights]
    x, mask = case.x, case.mask
    y, weights = (x + 1) % case.y.shape[-1], mask.astype("float32")
    # Keras holds the rate in single precision, which has this number.
    theirs = keras.optimizers.SGD(0.125, momentum=0.875)
    ours = torch.optim.SGD(model.parameters(), 0.125, momentum=0.875)
    theirs.build(case.model.trainable_variables)

    def step() -> Any:
        with tf.GradientTape() as tape:
            loss = case.model.compute_loss(x, y, case.model([x, mask], training=True), weights)
        values = case.model.trainable_variables
        theirs.apply_gradients(zip(tape.gradient(loss, values), values, strict=True))
        return loss

    update = tf.function(step, autograph=False) if steps > 3 else step
    expected = [float(update()) for _ in range(steps)]
    for weight, value in zip(case.model.weights, start, strict=True):
        weight.assign(value)
    found = []
    for _ in range(steps):
        logits, _ = model(torch.from_numpy(x), mask=torch.from_numpy(mask))
        loss = module.loss(logits, torch.from_numpy(y), torch.from_numpy(weights))
        ours.zero_grad()
        loss.backward()
        ours.step()
        found.append(float(loss.detach()))
    assert expected[-1] < expected[0]
    close = 1e-8 if precision == "float64" else 1e-3
    np.testing.assert_allclose(found, expected, 0, close)


def test_a_head_that_starts_as_in_torch_does_so_in_its_file() -> None:
    (run,) = plan(["task=adding", "cell=rnn", "units=4", "head=torch"]).runs
    built = untrained(run.config, components.load().task(run.config["task"]), [])
    library("torch")
    module = types.ModuleType("model")
    exec(generate(built, "torch").text, vars(module))
    params = {name: weight.detach().numpy() for name, weight in module.Model().named_parameters()}
    assert 0 < abs(params["head_bias"][0]) <= 1 / 2
    assert 0 < abs(params["head_weight"]).max() <= 1 / 2


LOSSES = [
    ("mse", "mse"),
    ("mse", "rmse"),
    ("categorical", "accuracy"),
    ("categorical", "nll"),
    ("categorical", "bits"),
    ("bits", "accuracy"),
    ("bits", "nll"),
    ("bits", "most_active"),
    ("squared", "accuracy"),
]


@pytest.mark.parametrize(("loss", "metric"), LOSSES)
def test_metrics_are_those_of_runs(loss: str, metric: str) -> None:
    torch = library("torch")
    rng = np.random.default_rng(1)
    logits = rng.normal(size=(3, 4, 5))
    y = rng.normal(size=(3, 4, 5)) if loss == "mse" else rng.integers(0, 2, (3, 4, 5))
    y = rng.integers(0, 5, (3, 4)) if loss == "categorical" else y
    expected = np.asarray(step_metric(metric, loss, y, tf.constant(logits)))
    built: Any = of_run("all").trained.built
    built = replace(built, around=replace(built.around, loss=loss, metric=metric))
    jax = library("jax")
    for to, convert in (("torch", torch.from_numpy), ("jax", jax.numpy.asarray)):
        module = types.ModuleType("model")
        exec(generate(built, to).text, vars(module))
        with jax.enable_x64(True):
            actual = module.metric(convert(logits), convert(y))
            close = 1e-6 if metric == "accuracy" else CLOSE
            np.testing.assert_allclose(np.asarray(actual), expected, close, close)
            none = module.loss(convert(logits), convert(y), convert(np.zeros((3, 4))))
            assert float(none) == 0.0


def test_a_loss_per_sequence_and_a_head_without_bias() -> None:
    torch = library("torch")
    logits = np.random.default_rng(1).normal(size=(3, 4, 5))
    y, weights = np.zeros((3, 4, 5)), np.array([[1.0, 1, 1, 0], [1, 0, 0, 0], [0, 0, 0, 0]])
    values = np.square(1 / (1 + np.exp(-logits))).sum(-1) / 2
    built: Any = of_run("all").trained.built
    around = replace(built.around, loss="squared", bias=False, per_sequence=True)
    jax = library("jax")
    for to, convert in (("torch", torch.from_numpy), ("jax", jax.numpy.asarray)):
        text = generate(replace(built, around=around), to).text
        assert "head_bias" not in text
        module = types.ModuleType("model")
        exec(text, vars(module))
        with jax.enable_x64(True):
            found = float(module.loss(convert(logits), convert(y), convert(weights)))
        assert found == pytest.approx((values * weights).sum() / 2, rel=1e-12)


@pytest.mark.slow
def test_files_are_formatted_and_typed(tmp_path: Path, request: pytest.FixtureRequest) -> None:
    for name in CASES:
        for to in FRAMEWORKS:
            (tmp_path / f"{name}_{to}.py").write_text(generate(of_run(name).trained.built, to).text)
    formatted(tmp_path)
    if not request.config.getoption("--weekly"):  # mypy reads torch and jax, for a minute
        return
    options = ["--config-file=", "--no-incremental", "--ignore-missing-imports"]
    several = ("regression", "classes", "steps")
    typed = [str(tmp_path / f"{n}_{to}.py") for n in several for to in ("torch", "jax")]
    command = [sys.executable, "-m", "mypy", *options, *typed]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-3000:]


@pytest.mark.slow
@pytest.mark.parametrize("to", ["jax", "keras"])
def test_the_scripts_of_the_page_about_jax_train(to: str, tmp_path: Path) -> None:
    """With optax, and with Keras on two virtual devices; the losses fall."""
    library("jax")
    page = (Path(__file__).parents[2] / "docs/howto/jax.md").read_text()
    blocks = re.findall(r"^```python\n# \w+/(train_\w+\.py)\n(.*?)^```", page, re.M | re.S)
    name, text = blocks[to == "keras"]
    case = of_run("classes", "float32")
    written(case, to, tmp_path)
    x = np.tile(np.random.default_rng(0).normal(size=(8, 3, 8)).astype("float32"), (4, 1, 1))
    np.savez(tmp_path / "train.npz", x=x, y=np.tile(np.arange(8, dtype="int32"), 4))
    (tmp_path / name).write_text(text)
    done = subprocess.run(
        [sys.executable, name], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr[-3000:]
    losses = [float(number) for number in re.findall(r"\d+\.\d{4}", done.stdout)]
    assert len(losses) > 2
    assert losses[-1] < losses[0]
    if to == "keras":
        assert "devices 2" in done.stdout
        with np.load(tmp_path / "trained.npz") as trained:
            assert set(trained) == set(case.packed("keras"))
