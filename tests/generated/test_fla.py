"""Language models in the layout of flash-linear-attention: kernels, definitions, transformers."""

from __future__ import annotations

import importlib
import json
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from reference.peers import library
from seams import MODULES, Around, Stack, build_stack, read_block, read_output_unit
from seams import code_files as files

import gatekit
from gatekit.code import generate
from gatekit.registry import catalogue, load_cell

from .test_models import assert_same, of_run

KERNELS = {
    "linear_attention": "linear_attn.chunk_linear_attn",
    "mlstm": "simple_gla.chunk_simple_gla",
    "gla": "gla.chunk_gla",
    "hgrn2": "gla.chunk_gla",
    "delta_net": "delta_rule.chunk_delta_rule",
    "gated_delta_net": "gated_delta_rule.chunk_gated_delta_rule",
    "kda": "kda.chunk_kda",
    "comba": "generalized_delta_rule.chunk_dplr_delta_rule",
    "rwkv7": "rwkv7.chunk_rwkv7",
}
# Two corrections a step, a read before the update, affine vectors, and nothing linear.
NONE = ("gated_delta_product", "rwkv6", "mingru", "lstm")


def language_model(*cells: str, layers: int = 1) -> Stack:
    known = catalogue(())
    specs = [load_cell(cells[i % len(cells)], known, ()) for i in range(layers)]
    unit, block = read_output_unit("hidden", known), read_block("modern", known)
    stack = build_stack(specs, unit, block, units=8, features=8, width=8)
    around = Around("words", 11, None, 11, "every", 1, "categorical", "bits")
    return Stack(stack.layers, around=around)


@pytest.mark.parametrize("cell", [*KERNELS, *NONE])
def test_kernels_are_called_by_name_where_they_have_the_cells_form(cell: str) -> None:
    text = generate(language_model(cell), "fla").text
    imports = [line.split() for line in text.split("\n") if "    from fla" in line]
    found = [f"{module.removeprefix('fla.ops.')}.{name}" for _, module, _, name in imports]
    assert found == [KERNELS[cell]] if cell in KERNELS else not found
    assert ("No kernel for" in text) == (cell in NONE)


def test_other_models_are_refused() -> None:
    stack = language_model("gla")
    for built in (Stack(stack.layers), of_run("steps").trained.built, stack.layers[0]):
        with pytest.raises(gatekit.ConfigError, match="writes whole language models"):
            generate(built, "fla")


# --- the functions that call kernels, against the definitions --------------------------

BATCH, STEPS, HEADS, ROWS, COLUMNS = 2, 5, 2, 3, 4
VALID = np.array([[1, 1, 1, 1, 1], [0, 1, 1, 0, 1]], bool)


def recurrence(
    query: Any, key: Any, value: Any, first: Any, decay: Any, erase: Any, added: Any
) -> tuple[Any, Any]:
    """Return the reads and the last S of the most general form, one step after the other.

    S = exp(decay) * S_prev + outer(added, vecmat(erase, S_prev)) + outer(key, value)
    """
    state, outputs = first, []
    for t in range(query.shape[1]):
        seen = np.einsum("bhi,bhij->bhj", erase[:, t], state)
        state = np.exp(decay[:, t])[..., None] * state
        state = state + added[:, t, ..., None] * seen[..., None, :]
        state = state + key[:, t, ..., None] * value[:, t, ..., None, :]
        outputs.append(np.einsum("bhi,bhij->bhj", query[:, t], state))
    return np.stack(outputs, 1), state


def definition(name: str, query: Any, key: Any, value: Any, first: Any, **given: Any) -> Any:
    """Return what a kernel computes by the definition of its paper."""
    decay = given.get("decay", np.zeros_like(key)) + np.zeros_like(key)
    beta, zero = given.get("beta", 1.0), np.zeros_like(key)
    if name in ("linear_attn", "simple_gla", "gla"):
        return recurrence(query, key, value, first, decay, zero, zero)
    if name in ("delta_rule", "gated_delta_rule", "kda"):
        erase = np.exp(decay) * key
        return recurrence(query, key, beta * value, first, decay, erase, -beta * key)
    added = given.get("added", key)
    return recurrence(query, key, value, first, decay, -given["erase"], added)


def masked(name: str, query: Any, key: Any, value: Any, first: Any, **given: Any) -> Any:
    """Return what the definition computes of the valid steps of each row."""
    reads, last = np.zeros((BATCH, STEPS, HEADS, COLUMNS)), np.zeros_like(first)
    for row in range(BATCH):
        at = slice(row, row + 1)
        own = {n: v[at, VALID[row]] for n, v in given.items()}
        of_row = (each[at, VALID[row]] for each in (query, key, value))
        reads[at, VALID[row]], last[at] = definition(name, *of_row, first[at], **own)
    return reads, last


def stand_in(name: str) -> Any:
    """Return a function with the arguments and shapes of a kernel; it computes the definition."""
    torch = library("torch")
    head = (BATCH, STEPS, HEADS)
    order = {
        "linear_attn": ("q", "k", "v", "scale", "initial_state"),
        "delta_rule": ("q", "k", "v", "beta"),
        "dplr": ("q", "k", "v", "a", "b", "g"),
        "rwkv7": ("q", "g", "k", "v", "a", "b"),
    }.get(name, ("q", "k", "v", "g", "beta"))

    def kernel(*args: Any, normalize: bool = False, **given: Any) -> Any:
        given.update(zip(order, args, strict=False))
        assert given.pop("scale") == 1.0
        assert given.pop("output_final_state")
        assert not normalize
        first = given.pop("initial_state")
        assert first.dtype == torch.float32
        assert {n: v.dtype for n, v in given.items() if n != "g"}.keys() == {*given} - {"g"}
        assert all(v.dtype == torch.float16 for n, v in given.items() if n != "g")
        by_head = {"beta"} | ({"g"} if name in ("simple_gla", "gated_delta_rule") else set())
        for n, each in given.items():
            wide = () if n in by_head else (COLUMNS if n == "v" else ROWS,)
            assert each.shape == (*head, *wide), n
        arrays = {n: v.numpy().astype("float64") for n, v in given.items()}
        q, k, v = (arrays[n] for n in "qkv")
        for n, own in (("g", "decay"), ("beta", "beta"), ("b", "added")):
            if n in arrays:
                part = arrays.pop(n)
                arrays[own] = part[..., None] if part.ndim == 3 else part
        erase = {"erase": -arrays["a"]} if "a" in arrays else {}
        own = {n: arrays[n] for n in ("decay", "beta", "added") if n in arrays}
        y, last = definition(name, q, k, v, first.numpy().astype("float64"), **own, **erase)
        return torch.from_numpy(y).half(), torch.from_numpy(last).float()

    return kernel


@pytest.mark.parametrize("by_kernel", [False, True])
@pytest.mark.parametrize("name", MODULES)
def test_what_memories_read(name: str, by_kernel: bool, monkeypatch: pytest.MonkeyPatch) -> None:
    """The plain code, and the arguments of the kernel, against the recurrence in NumPy."""
    torch = library("torch")
    module = importlib.import_module("gatekit.code.runtime.fla")
    kernel = f"chunk_{name}{'_delta_rule' if name == 'dplr' else ''}"
    rng = np.random.default_rng(0)
    shape = BATCH, STEPS, HEADS
    given = {
        "query": rng.normal(size=(*shape, ROWS)),
        "key": 0.5 * rng.normal(size=(*shape, ROWS)),
        "value": rng.normal(size=(*shape, COLUMNS)),
    }
    by_head = name in ("simple_gla", "gated_delta_rule")
    if name not in ("linear_attn", "delta_rule"):
        given["decay"] = -rng.random((*shape, 1 if by_head else ROWS))
    if name in ("delta_rule", "gated_delta_rule", "kda"):
        given["beta"] = rng.random((*shape, 1))
    if name in ("dplr", "rwkv7"):
        given["erase"] = 0.3 * rng.normal(size=(*shape, ROWS))
    if name == "rwkv7":
        given["added"] = 0.3 * rng.normal(size=(*shape, ROWS))
    first = rng.normal(size=(BATCH, HEADS, ROWS, COLUMNS))
    if by_kernel:
        monkeypatch.setattr(module, kernel, stand_in(name))
        monkeypatch.setattr(module, "kernel_type", lambda own, _: own and torch.float16)
    by_row = "decay" in given and not by_head
    read = module.read_terms if name == "rwkv7" else module.read_chunks
    options = {"read_terms": {"by_row": True}, "read_chunks": {"by_row": by_row, "size": 3}}

    def plain(*args: Any) -> Any:
        names = ["query", "key", "value", "decay", "erase", "first", "mask"]
        if name == "rwkv7":
            names = ["query", "key", "value", "erase", "decay", "first", "mask"]
        elif "decay" not in given:
            names.remove("decay")
        if name in ("linear_attn", "simple_gla", "gla"):
            names.remove("erase")
        own = {"decay": None, "erase": None, **dict(zip(names, args, strict=True))}
        own |= {"links": None} if name == "rwkv7" else {}
        return read(**own, **options[read.__name__])

    monkeypatch.setattr(module, read.__name__, plain)
    tensors = {n: torch.from_numpy(v) for n, v in {**given, "first": first}.items()}
    y, last = getattr(module, f"read_{name}")(**tensors, mask=torch.from_numpy(VALID))
    reads, states = masked(name, **given, first=first)
    close = 0.02 if by_kernel else 1e-10
    np.testing.assert_allclose(y.numpy()[VALID], reads[VALID], close, close)
    np.testing.assert_allclose(last.numpy(), states, close, close)


def test_kernels_compute_in_half_precision_on_an_accelerator_only() -> None:
    torch = library("torch")
    module = importlib.import_module("gatekit.code.runtime.fla")
    for device, dtype, expected in (
        ("cpu", torch.float16, None),
        ("cuda", torch.float32, None),
        ("cuda", torch.bfloat16, torch.bfloat16),
    ):
        x = SimpleNamespace(device=SimpleNamespace(type=device), dtype=dtype)
        assert module.kernel_type(test_what_memories_read, x) == expected
        assert module.kernel_type(None, x) is None
    # A triangular system has no half precision.
    given = [torch.rand(1, 3, 1, 2).half() for _ in range(3)]
    one = torch.ones(1, 3, dtype=torch.bool)
    erase, first = given[1], torch.zeros(1, 1, 2, 2)
    y, last = module.plainly(module.read_chunks, *given, torch.zeros(1, 3, 1, 1), erase, first, one)
    assert (y.dtype, last.dtype) == (torch.float16, torch.float32)


# --- with transformers -----------------------------------------------------------------


@pytest.fixture
def transformers(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """transformers, whose copies of code are in a folder of the test."""
    library("torch")
    reason = "needs the extra fla: pip install -e .[fla]"
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
        generate(case.trained.built, "fla"), case.trained, "fla", None
    ).items():
        (tmp_path / name).mkdir(exist_ok=True)
        (tmp_path / name / file).write_bytes(content)
    auto = transformers.AutoModelForCausalLM
    model = auto.from_pretrained(tmp_path / name, trust_remote_code=True, dtype=torch.float64)
    assert "fla" not in sys.modules
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

    generated = generate(language_model("kda", layers=2), "fla")
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
    hybrid = generate(language_model("kda", "lstm", layers=2), "fla").text
    assert 'raise ValueError("this file was written for num_hidden_layers=2")' in hybrid
