"""Optimizers, schedules, decay and averages, each against its equations in NumPy."""

import math
import threading

import keras
import numpy
import pytest
from seams import (
    Callbacks,
    RunFolder,
    build_model,
    components,
    decayed,
    optimizer,
    plan,
    schedule,
    typed,
    validate,
    vectors,
)
from seams import train_run as train

from gatekit import ConfigError

RATE, STEPS = 0.2, 100


@pytest.fixture
def place(tmp_path, monkeypatch):
    """An empty working folder; Keras' policy is put back afterwards."""
    monkeypatch.chdir(tmp_path)
    before = keras.config.dtype_policy()
    yield tmp_path
    keras.config.set_dtype_policy(before)


def settings(**keys):
    """Return the keys of ``optimizer`` as a run has them, without clipping."""
    base = {"cell": {}, "task": {"name": "x"}, "trainer": {"epochs": 1}}
    keys = {"name": "adam", "learning_rate": RATE, "clipnorm": None, **keys}
    return validate({**base, "optimizer": keys})["optimizer"]


def rise(t, warmup):
    """Return the share of the rate before update ``t`` of a linear warm-up."""
    return (t + 1) / warmup


FORMULAS = {
    "constant": lambda t: 1.0,
    "cosine": lambda t: 0.1 + 0.9 * (1 + math.cos(math.pi * (t - 20) / 80)) / 2,
    "linear": lambda t: 0.1 + 0.9 * (1 - (t - 20) / 80),
    "step": lambda t: 1.0 if t - 20 <= 40 else 0.1 if t - 20 <= 60 else 0.01,
    "wsd": lambda t: 1.0 if t < 75 else 0.1 + 0.9 * (1 - (t - 75) / 25),
}


@pytest.mark.parametrize("warmup", [20, 0.2])
@pytest.mark.parametrize("kind", FORMULAS)
def test_the_rate_of_each_schedule_follows_its_formula(kind, warmup):
    keys = {"final": 0.1} if kind in ("cosine", "linear", "wsd") else {}
    keys |= {"decay": 0.25} if kind == "wsd" else {}
    made = optimizer(settings(schedule=kind, warmup=warmup, **keys), STEPS)
    for t in (0, 1, 10, 19, 20, 21, 50, 60, 61, 74, 75, 76, 81, 99, 100):
        made.iterations.assign(t)
        expected = RATE * (rise(t, 20) if t < 20 else FORMULAS[kind](t))
        assert math.isclose(float(made.learning_rate), expected, rel_tol=1e-5), t


@pytest.mark.parametrize("name", ["adam", "muon"])
def test_a_later_optimizer_of_a_process_has_the_names_of_the_first(name):
    # For each new name of a variable, TensorFlow keeps 35 KiB until the process ends.
    model = keras.Sequential([keras.Input((2,)), keras.layers.Dense(1, name="head")])
    paths = []
    for _ in range(2):
        made = optimizer(settings(name=name), 10)
        made.build(model.trainable_variables)
        paths.append([variable.path for variable in made.variables])
    assert paths[0] == paths[1]


@pytest.mark.parametrize(
    ("kind", "share"),
    [
        ("cosine", lambda t: (1 + math.cos(math.pi * t / 100)) / 2),
        ("linear", lambda t: 1 - t / 100),
        ("wsd", lambda t: min(1, (100 - t) / 10)),
    ],
)
def test_without_further_keys_a_schedule_falls_to_zero(kind, share):
    made = optimizer(settings(schedule=kind), STEPS)
    for t in (0, 1, 50, 90, 95, 99):
        made.iterations.assign(t)
        assert math.isclose(float(made.learning_rate), RATE * share(t), rel_tol=1e-4), t


def test_the_numbers_of_a_schedule():
    numbers = typed(settings(schedule="wsd", warmup=0.05, final=0.5), 1000)
    assert numbers == {
        "kind": "wsd",
        "peak": RATE,
        "steps": 1000,
        "warmup": 50,
        "decay_from": 900,
        "final": 0.1,
    }
    assert typed(settings(), 1000) == {}
    plateau = typed(settings(schedule="plateau"), 1000)
    assert (plateau["final"], plateau["decay_from"]) == (None, 1000)
    assert typed(settings(warmup=10), 1000)["decay_from"] == 1000


@pytest.mark.parametrize(
    ("keys", "words"),
    [
        ({"warmup": 100}, ["would last 100 of the run's 100 steps", "optimizer.warmup=100"]),
        ({"schedule": "wsd", "warmup": 0.8, "decay": 0.3}, ["80 steps of warm-up", "30 of decay"]),
    ],
)
def test_a_schedule_that_does_not_fit_is_refused(keys, words):
    with pytest.raises(ConfigError) as refused:
        schedule(settings(**keys), 100)
    assert all(word in str(refused.value) for word in words)


def gradients(count=20):
    """Return fixed gradients of a matrix and a bias."""
    rng = numpy.random.default_rng(0)
    return [(rng.normal(size=(3, 2)), rng.normal(size=2)) for _ in range(count)]


START = (numpy.arange(6.0).reshape(3, 2) - 2, numpy.array([1.5, -0.5]))


def updated(built, spared=()):
    """Return matrix and bias after each update of an optimizer on the fixed gradients."""
    matrix = keras.Variable(START[0], dtype="float64", name="kernel")
    bias = keras.Variable(START[1], dtype="float64", name="bias")
    if spared:
        built.exclude_from_weight_decay(var_names=spared)
    built.build([matrix, bias])
    found = []
    for pair in gradients():
        built.apply([numpy.array(g) for g in pair])
        found.append((matrix.numpy().copy(), bias.numpy().copy()))
    return found


def adamw(rates, decay, beta_1, beta_2, epsilon):
    """Return matrix and bias after each step of AdamW, Loshchilov and Hutter 2019, algorithm 2.

    With the bias correction in the rate, as in Kingma and Ba 2015, section 2: there epsilon is
    added to the root of the uncorrected second moment.
    """
    weights = [w.copy() for w in START]
    first, second = ([numpy.zeros_like(w) for w in weights] for _ in range(2))
    found = []
    for t, (pair, rate) in enumerate(zip(gradients(), rates, strict=True), 1):
        for i, g in enumerate(pair):
            weights[i] = weights[i] - rate * (decay if i == 0 else 0.0) * weights[i]
            first[i] = beta_1 * first[i] + (1 - beta_1) * g
            second[i] = beta_2 * second[i] + (1 - beta_2) * g**2
            step = rate * math.sqrt(1 - beta_2**t) / (1 - beta_1**t)
            weights[i] = weights[i] - step * first[i] / (numpy.sqrt(second[i]) + epsilon)
        found.append(tuple(w.copy() for w in weights))
    return found


def test_adamw_follows_its_equations_over_20_steps():
    keys = {"weight_decay": 0.3, "beta_1": 0.8, "beta_2": 0.95, "epsilon": 1e-3}
    config = settings(name="adamw", schedule="linear", warmup=5, **keys)
    matrix = keras.Variable(START[0], dtype="float64", name="kernel")
    bias = keras.Variable(START[1], dtype="float64", name="bias")
    built = optimizer(config, 20, [bias])
    built.build([matrix, bias])
    rates = [RATE * (rise(t, 5) if t < 5 else 1 - (t - 5) / 15) for t in range(20)]
    expected = adamw(rates, 0.3, 0.8, 0.95, 1e-3)
    for pair, (kernel, vector) in zip(gradients(), expected, strict=True):
        built.apply([numpy.array(g) for g in pair])
        numpy.testing.assert_allclose(matrix.numpy(), kernel, rtol=2e-6, atol=1e-7)
        numpy.testing.assert_allclose(bias.numpy(), vector, rtol=2e-6, atol=1e-7)


def test_adamw_is_that_of_keras_to_the_last_bit():
    ours = optimizer(settings(name="adamw", weight_decay=0.3, beta_1=0.8), 20)
    theirs = keras.optimizers.AdamW(RATE, weight_decay=0.3, beta_1=0.8)
    for mine, other in zip(updated(ours, ["bias"]), updated(theirs, ["bias"]), strict=True):
        numpy.testing.assert_array_equal(mine[0], other[0])
        numpy.testing.assert_array_equal(mine[1], other[1])


def orthogonalised(matrix):
    """Return Keller Jordan's quintic iteration on a matrix, five steps of it."""
    wide = matrix if matrix.shape[0] <= matrix.shape[1] else matrix.T
    x = wide / (numpy.linalg.norm(wide) + 1e-7)
    for _ in range(5):
        square = x @ x.T
        x = 3.4445 * x + (-4.7750 * square + 2.0315 * square @ square) @ x
    return x if wide is matrix else x.T


def test_muon_moves_matrices_along_the_orthogonalised_mean_and_adamw_the_rest():
    keys = {"weight_decay": 0.3, "momentum": 0.9, "nesterov": True, "epsilon": 1e-3}
    built = optimizer(
        settings(name="muon", beta_1=0.8, beta_2=0.95, **keys), 20, vectors=["bias", "head/kernel"]
    )
    mean, expected = numpy.zeros((3, 2)), START[0].copy()
    steps = adamw([RATE] * 20, 0.3, 0.8, 0.95, 1e-3)
    matrix, head = (
        keras.Variable(START[0], dtype="float64", name=name) for name in ("kernel", "other")
    )
    head._path = "head/kernel"
    built.build([matrix, head])
    for (gradient, _), (kernel, _) in zip(gradients(), steps, strict=True):
        built.apply([gradient, gradient])
        mean = 0.9 * mean + gradient
        expected -= RATE * 0.3 * expected
        expected -= RATE * 0.2 * math.sqrt(3) * orthogonalised(gradient + 0.9 * mean)
        numpy.testing.assert_allclose(matrix.numpy(), expected, rtol=1e-5, atol=1e-6)
        numpy.testing.assert_allclose(head.numpy(), kernel, rtol=2e-6, atol=1e-7)


@pytest.mark.parametrize("name", ["sgd", "rmsprop"])
def test_decay_is_decoupled_in_the_others_too(name):
    built = optimizer(settings(name=name, weight_decay=0.5), 20)
    weight = keras.Variable([2.0, -4.0])
    built.build([weight])
    built.apply([numpy.zeros(2, "float32")])
    numpy.testing.assert_allclose(weight.numpy(), [1.8, -3.6], rtol=1e-6)


def built_model(*words):
    """Return the model of a run, and its optimizer's keys."""
    (run,) = plan(["task=adding", "units=4", *words]).runs
    signature = components.load(()).task(run.config["task"]).signature()
    return build_model(run.config, signature, masked=False), run.config["optimizer"]


@pytest.mark.usefixtures("place")
def test_muon_leaves_the_head_and_what_is_not_a_matrix_to_adamw():
    model, _ = built_model("cell=layer_norm_lstm", "optimizer=muon", "swap.forget=power_law")
    left = set(vectors(model))
    gates = ("input", "forget", "output", "candidate")
    matrices = {f"rnn_0/{gate}.{read}" for gate in gates for read in ("x", "h_prev")}
    assert {weight.path for weight in model.trainable_weights} - left == matrices
    assert {"head/kernel", "head/bias", "rnn_0/forget.p"} <= left


@pytest.mark.usefixtures("place")
def test_biases_norms_parameters_diagonals_and_first_states_do_not_decay():
    words = ["cell=layer_norm_lstm", "+cell.learned_initial_state=[c]", "optimizer=adamw"]
    model, keys = built_model(*words, "swap.forget=power_law")
    found = decayed(model, keys)
    assert {w.path for w in model.trainable_weights} == set(found)
    gates = ("input", "forget", "output", "candidate")
    matrices = {f"rnn_0/{gate}.{read}" for gate in gates for read in ("x", "h_prev")}
    assert {path for path, decays in found.items() if decays} == {*matrices, "head/kernel"}
    left_out = {path for path, decays in found.items() if not decays}
    kinds = {w.kind for w in model.get_layer("rnn_0").cell.weights if f"rnn_0/{w.name}" in left_out}
    assert kinds >= {"norm", "parameter", "initial"}
    model, keys = built_model("cell=indy_lstm", "optimizer=adamw")
    found = decayed(model, keys)
    assert found["rnn_0/forget.x"]
    assert not found["rnn_0/forget.h_prev"]
    assert not found["rnn_0/forget.bias"]
    assert all(decayed(model, {**keys, "decayed": "all"}).values())
    assert decayed(model, {**keys, "weight_decay": 0.0}) == {}


def steps_of(folder, *words):
    """Train a run and return its weights after each update, and its result."""
    base = ["task=adding", "task.length=3", "cell=rnn", "units=2", "trainer.steps=12"]
    (run,) = plan([*base, "trainer.batch=4", *words]).runs
    seen = []

    def watch(event, *, weights=None, **facts):
        if event == "epoch":
            seen.append(weights())

    target = RunFolder(folder)
    target.claim()
    target.write_config(run.config)
    task = components.load(()).task(run.config["task"])
    stop = threading.Event()
    result = train(run.config, task, target, stop, 0, callbacks=Callbacks([watch]))
    with numpy.load(folder / "weights.npz", allow_pickle=False) as archive:
        return seen, dict(archive), result


@pytest.mark.slow
def test_averaged_weights_are_evaluated_and_saved_and_training_goes_on_with_the_others(place):
    plain, _, plain_result = steps_of(place / "plain")
    seen, saved, result = steps_of(place / "averaged", "optimizer.ema=0.75")
    assert len(plain) == len(seen) == 12
    average = plain[0]
    for step, (trained, shown) in enumerate(zip(plain, seen, strict=True)):
        if step:
            average = {n: 0.75 * average[n] + 0.25 * w for n, w in trained.items()}
        for name, value in average.items():
            numpy.testing.assert_allclose(shown[name], value, rtol=1e-5, atol=1e-7, err_msg=name)
    best = result["best"]["epoch"] - 1
    for name, value in saved.items():
        numpy.testing.assert_array_equal(value, seen[best][name])
    assert result["last"]["validation"] != plain_result["last"]["validation"]
    assert result["last"]["test"] != plain_result["last"]["test"]


# That a dry run tells the same is tested always, in test_preview.
@pytest.mark.slow
def test_a_run_records_its_schedule_and_what_decays(place):
    words = ["optimizer=adamw", "optimizer.schedule=cosine", "optimizer.warmup=0.25"]
    *_, result = steps_of(place / "run", *words)
    assert result["schedule"]["warmup"] == 3
    assert result["schedule"]["steps"] == 12
    assert "head/kernel" in result["weight_decay"]["decayed"]
    assert "head/bias" in result["weight_decay"]["left_out"]
