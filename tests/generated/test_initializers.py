"""Initial values of your own initializers: a file draws what the plugin draws."""

from __future__ import annotations

import itertools
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from seams import DrawContext, Place, built_cell, make_initializer

import gatekit
from gatekit import ConfigError

from .agreement import library
from .test_text import formatted

PLUGIN = '''
import math

import numpy as np

from gatekit import Initializer, hookimpl


class Rates(Initializer):
    """The logarithm of decay rates, in two branches of the options."""

    low: float = 0.5
    curve: float = 2.0

    def draw(self, rng, shape, context):
        u = rng.uniform(self.low, 1.0 - 1.0 / context.units, shape)
        return -np.log(-np.log(u)) if self.curve == 1.0 else np.log(1.0 - u**self.curve)


class Ratio(Initializer):
    """A ratio of two draws, and one that is used twice."""

    def draw(self, rng, shape, context):
        top, bottom = np.tanh(rng.normal(0.0, 2.0, shape)), rng.gamma(1.5, 3.0, size=shape)
        return top * np.sqrt(bottom) / (1.0 + np.abs(top) + np.square(bottom - 1.0))


class Scaled(Initializer):
    """Standard draws, scaled by the sizes."""

    def draw(self, rng, shape, context):
        width = context.units + context.features
        return 0.1 + rng.standard_normal(shape) * math.sqrt(2.0 / width)


class Rotated(Initializer):
    """No formula of its draws."""

    def draw(self, rng, shape, context):
        return np.linalg.qr(rng.normal(size=(*shape, *shape)))[0][0]


class Sorted(Initializer):
    """What depends on the numbers that are drawn."""

    def draw(self, rng, shape, context):
        return np.sort(rng.uniform(size=shape))


@hookimpl
def gatekit_initializers():
    return {
        "rates": Rates, "ratio": Ratio, "scaled": Scaled, "rotated": Rotated, "sorted": Sorted
    }
'''
FORMULAS = ("rates", {"kind": "rates", "curve": 1.0, "low": 1e-300}, "ratio", "scaled")


@pytest.fixture
def plugin(tmp_path: Path) -> str:
    path = tmp_path / "rates.py"
    path.write_text(PLUGIN)
    return str(path)


def cell(init: Any) -> dict[str, Any]:
    """Return a cell in which this initializer alone draws."""
    first = {"bias": init, "kernel": "zeros", "recurrent": "zeros"}
    gate = {
        "activation": "tanh(pre)",
        "reads": ["x", "h_prev"],
        "bias": True,
        "initializers": first,
    }
    return {"name": "mine", "gates": {"h": gate}, "emits": "h"}


def drawn(init: Any, units: int, seed: int, plugin: str) -> np.ndarray:
    """Return what the plugin draws for the bias."""
    known = built_cell(cell(init), units, 4, "hidden", None, (plugin,)).spec.catalogue
    own = make_initializer(init, Place(("h.bias",)), known)
    return own.draw(np.random.default_rng(seed), (units,), DrawContext(units, units, 4))


def value(text: str, rng: np.random.Generator) -> np.ndarray:
    """Return what a JAX file computes from the draws of a NumPy generator."""
    jax = library("jax")
    module: dict[str, Any] = {}
    exec(text, module)
    draws = SimpleNamespace(
        normal=lambda key, shape: rng.standard_normal(shape),
        gamma=lambda key, alpha, shape: rng.standard_gamma(alpha, shape),
    )
    module["jax"] = SimpleNamespace(random=draws)
    module["uniform"] = lambda key, low, high, shape: rng.uniform(low, high, shape)
    module["keys_from"] = itertools.repeat
    with jax.enable_x64(True):
        (found,) = (w for name, w in module["init"](None).items() if "bias" in name)
        return np.asarray(found)


@pytest.mark.parametrize("init", FORMULAS, ids=str)
def test_a_file_draws_what_the_plugin_draws(init: Any, plugin: str, tmp_path: Path) -> None:
    for units in (6, 9):
        text = gatekit.code(cell(init), "jax", units=units, features=4, plugins=[plugin])
        expected = drawn(init, units, 5, plugin)
        np.testing.assert_allclose(value(text, np.random.default_rng(5)), expected, rtol=1e-9)
    assert "units: int = 9" in text, "sizes are arguments"
    for to in ("torch", "jax", "keras"):
        (tmp_path / "files" / to).mkdir(parents=True)
        text = gatekit.code(cell(init), to, plugins=[plugin])
        (tmp_path / "files" / to / "mine.py").write_text(text)
    formatted(tmp_path / "files")


def test_numbers_that_depend_on_sizes_are_formulas(plugin: str) -> None:
    text = gatekit.code(cell("scaled"), "torch", plugins=[plugin])
    assert "math.sqrt(2 / (units + features))" in text
    assert "1 - 1 / units" in gatekit.code(cell("rates"), "torch", plugins=[plugin])


def test_torch_draws_from_the_same_distribution(plugin: str) -> None:
    torch = pytest.importorskip("torch")
    text = gatekit.code(cell("ratio"), "torch", units=4000, features=2, plugins=[plugin])
    module: dict[str, Any] = {}
    exec(text, module)
    torch.manual_seed(1)
    (actual,) = (w.detach() for name, w in module["Mine"]().named_parameters() if "bias" in name)
    expected = drawn("ratio", 4000, 2, plugin)
    for share in (0.1, 0.25, 0.75, 0.9):
        assert np.quantile(actual, share) == pytest.approx(np.quantile(expected, share), abs=0.05)


@pytest.mark.parametrize("init", ["rotated", "sorted"])
def test_what_is_no_formula_is_refused_by_name(init: str, plugin: str) -> None:
    with pytest.raises(ConfigError, match=rf"{init}.*no formula of draws"):
        gatekit.code(cell(init), plugins=[plugin])
