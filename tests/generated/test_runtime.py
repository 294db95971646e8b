"""The functions that are copied into files: each against a loop, with every choice of arguments."""

from __future__ import annotations

import importlib
import itertools
from pathlib import Path
from types import EllipsisType
from typing import Any

import numpy as np
import pytest
from seams import copied
from seams import copied_sources as sources
from seams import language_ops as ops

from .agreement import library
from .test_text import formatted

BATCH, STEPS, HEADS, ROWS, COLUMNS, TERMS = 2, 11, 2, 3, 4, 2
TO = ("torch", "jax")
MASK = np.array([[1] * 11, [0, 1, 1, 0, 1, 1, 1, 0, 0, 1, 0]], bool)


def module(to: str) -> Any:
    """Return a module of the folder, in double precision."""
    library(to)
    return importlib.import_module(f"gatekit.code.runtime.{to}")


def called(to: str, function: Any, given: dict[str, Any]) -> list[np.ndarray]:
    """Return what a function returns for NumPy arrays."""
    if to == "torch":
        import torch

        convert: Any = torch.from_numpy
    else:
        import jax

        jax.config.update("jax_enable_x64", True)
        convert = jax.numpy.asarray
    found = function(
        **{n: convert(v) if isinstance(v, np.ndarray) else v for n, v in given.items()}
    )
    return [np.asarray(each) for each in found]


def own(to: str, known: dict[str, bool | EllipsisType | None], *names: str) -> Any:
    """Return the last of these functions as a file has it, without the arguments that are known."""
    place = dict(vars(module(to)))
    for name in names:
        exec(copied(sources(to)[name], known), place)
    return place[names[-1]]


def memory(rng: np.random.Generator, by_row: bool, decays: bool, erases: bool) -> dict[str, Any]:
    """Return what one memory reads from, one row and one term a step."""
    shape = BATCH, STEPS, HEADS
    return {
        "query": rng.normal(size=(*shape, ROWS)),
        "key": rng.normal(size=(*shape, ROWS)),
        "value": rng.normal(size=(*shape, COLUMNS)),
        "decay": -rng.random((*shape, ROWS if by_row else 1)) if decays else None,
        "erase": rng.normal(size=(*shape, ROWS)) if erases else None,
        "first": rng.normal(size=(BATCH, HEADS, ROWS, COLUMNS)),
        "mask": MASK,
    }


def stepwise(given: dict[str, Any], after: bool) -> tuple[np.ndarray, np.ndarray]:
    """Return what queries read, and the last memory, one step after the other."""
    state, reads = given["first"].copy(), np.zeros((BATCH, STEPS, HEADS, COLUMNS))
    for b, t, h in np.ndindex(BATCH, STEPS, HEADS):
        q, k, v = (given[name][b, t, h] for name in ("query", "key", "value"))
        old = state[b, h].copy()
        if MASK[b, t]:
            if given["erase"] is not None:
                v = v - given["erase"][b, t, h] @ old
            kept = 1.0 if given["decay"] is None else np.exp(given["decay"][b, t, h])[:, None]
            state[b, h] = kept * old + np.outer(k, v)
        reads[b, t, h] = q @ (state[b, h] if after else old)
    return reads, state


READS = [*itertools.product(TO, (True, False), (True, False), (True, False), (True, False))]


@pytest.mark.one_in(3, slow=3)
@pytest.mark.parametrize(("to", "by_row", "after", "decays", "erases"), READS)
def test_reads_of_a_memory(to: str, by_row: bool, after: bool, decays: bool, erases: bool) -> None:
    given = memory(np.random.default_rng(1), by_row, decays, erases)
    expected = stepwise(given, after)
    whole = called(
        to, module(to).read_chunks, {**given, "by_row": by_row, "after": after, "size": 4}
    )
    there = {name: ... if given[name] is not None else None for name in ("decay", "erase")}
    known = {"by_row": by_row, "after": after, "terms": False, **there}
    cut = own(to, known, "scores", "read_chunks")
    some = {name: value for name, value in given.items() if value is not None}
    copies = called(to, cut, {**some, "size": 4})
    for one, other, right in zip(whole, copies, expected, strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, right, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize(("to", "by_row", "linked"), [*itertools.product(TO, *[(True, False)] * 2)])
def test_reads_of_a_memory_with_several_terms(to: str, by_row: bool, linked: bool) -> None:
    """Terms of a step see those before them in this step: r_j = v_j - u_j S_prev - links_ji r_i."""
    rng = np.random.default_rng(2)
    shape = BATCH, STEPS, HEADS
    given = {
        "query": rng.normal(size=(*shape, ROWS)),
        "key": rng.normal(size=(*shape, TERMS, ROWS)),
        "value": rng.normal(size=(*shape, TERMS, COLUMNS)),
        "erase": rng.normal(size=(*shape, TERMS, ROWS)),
        "links": np.tril(rng.normal(size=(*shape, TERMS, TERMS)), -1) if linked else None,
        "decay": -rng.random((*shape, ROWS if by_row else 1)),
        "first": rng.normal(size=(BATCH, HEADS, ROWS, COLUMNS)),
        "mask": np.ones((BATCH, STEPS), bool),
    }
    state, reads = given["first"].copy(), np.zeros((*shape, COLUMNS))
    for b, t, h in np.ndindex(*shape):
        old = state[b, h].copy()
        state[b, h] = np.exp(given["decay"][b, t, h])[:, None] * old
        r = np.zeros((TERMS, COLUMNS))
        for j in range(TERMS):
            r[j] = given["value"][b, t, h, j] - given["erase"][b, t, h, j] @ old
            if linked:
                r[j] -= given["links"][b, t, h, j] @ r
            state[b, h] += np.outer(given["key"][b, t, h, j], r[j])
        reads[b, t, h] = given["query"][b, t, h] @ state[b, h]
    if linked:
        given["links"] = given["links"].reshape(*shape, TERMS * TERMS)
    # a file with a size that does not divide the steps
    whole = called(to, module(to).read_terms, {**given, "by_row": by_row, "size": 4})
    known = {"by_row": by_row, "terms": True, "links": ... if linked else None}
    some = {name: value for name, value in given.items() if value is not None}
    copies = called(to, own(to, known, "scores", "read_terms"), {**some, "size": 4})
    for one, other, right in zip(whole, copies, (reads, state), strict=True):
        np.testing.assert_array_equal(one, other)
        np.testing.assert_allclose(one, right, rtol=1e-10, atol=1e-10)


IMPORTS = {
    "torch": "import torch\nfrom torch import Tensor\n",
    "jax": "import jax\nimport jax.numpy as jnp\n",
}


def test_ruff_changes_nothing_in_any_copy(tmp_path: Path) -> None:
    for to, *choice in READS:
        by_row, after, decays, erases = choice
        there = {"decay": ... if decays else None, "erase": ... if erases else None}
        known = {"by_row": by_row, "after": after, "terms": False, **there}
        names = ["scores", "read_chunks"] + ["by_chunk", "by_step"] * (to == "jax")
        texts = [IMPORTS[to], *(copied(sources(to)[name], known) for name in names)]
        name = "_".join(map(str, [to, *map(int, choice)]))
        (tmp_path / f"{name}.py").write_text("\n\n\n".join(text.strip() for text in texts) + "\n")
    formatted(tmp_path)


SOURCE = """def f(
    x: int,
    y: int | None,
    flag: bool,
    size: int = 2,
) -> int:
    if y is not None:
        z = x if flag else y
        if flag:
            z = g(x, y, flag, more=flag)
    else:
        z = g(x, y, flag=flag)
    return z"""


@pytest.mark.parametrize(
    ("known", "expected"),
    [
        ({}, SOURCE),
        (
            {"y": None, "flag": True},
            "def f(\n    x: int,\n    size: int = 2,\n) -> int:\n    z = g(x)\n    return z",
        ),
        (
            {"y": ..., "flag": True},
            "def f(\n    x: int,\n    y: int,\n    size: int = 2,\n) -> int:\n"
            "    z = x\n    z = g(x, y)\n    return z",
        ),
        (
            {"y": ..., "flag": False},
            "def f(\n    x: int,\n    y: int,\n    size: int = 2,\n) -> int:\n"
            "    z = y\n    return z",
        ),
    ],
)
def test_what_is_known_is_cut(known: Any, expected: str) -> None:
    source = SOURCE.replace(", more=flag", "") if known else SOURCE
    assert copied(source, known) == expected


def test_keras_has_no_types_and_each_module_its_own_name() -> None:
    assert sources("ops")["flat"].startswith("def flat(x):\n    return ops.reshape(")
    assert "np." not in "".join(sources("ops").values())
    assert sources("jnp")["softmax"].startswith("def softmax(x: jax.Array) -> jax.Array:")
    assert sources("ops")["convolve"].startswith("def convolve(x, kernel, earlier, mask):")


def test_small_functions_of_torch_are_those_of_equations() -> None:
    functions = module("torch")
    rng = np.random.default_rng(3)
    x, b = rng.normal(size=(BATCH, 6)), rng.normal(size=6)
    (found,) = called("torch", lambda x, b: [functions.modrelu(x, b)], {"x": x, "b": b})
    np.testing.assert_array_equal(found, ops.modrelu(x, b))
    blocks = rng.normal(size=(2, 3, 3))
    given = {"u": x, "blocks": blocks}
    (found,) = called("torch", lambda u, blocks: [functions.block_product(u, blocks)], given)
    expected = np.concatenate([x[:, :3] @ blocks[0], x[:, 3:] @ blocks[1]], axis=1)
    np.testing.assert_allclose(found, expected, rtol=1e-12)


def test_a_reservoir_has_its_radius_and_density() -> None:
    rng = np.random.default_rng(4)
    drawn = module("numpy").reservoir(rng, 40, 0.9, 0.25)
    assert np.abs(np.linalg.eigvals(drawn)).max() == pytest.approx(0.9)
    assert 0.2 < (drawn != 0).mean() < 0.3
    assert not module("numpy").reservoir(rng, 3, 0.9, 0.0).any()
