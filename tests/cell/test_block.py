"""Blocks without numbers: parts, sizes, counts by hand, and what is refused."""

from __future__ import annotations

import numpy
import pytest
from refused import at
from seams import (
    BlockSpec,
    BuiltBlock,
    CellError,
    block,
    block_diagram,
    build_block,
    read_block,
    read_output_unit,
    units_of,
)
from seams import block_text as text
from seams import describe_block as describe

from gatekit import Block, ConfigError, ops
from gatekit.registry import catalogue, load_cell

LSTM = 4  # gates


def built(block, width=4, units=4, **options) -> BuiltBlock:
    known = catalogue()
    spec = BlockSpec("mine", block()) if isinstance(block, type) else read_block(block, known)
    unit = read_output_unit("hidden", known)
    return build_block(spec, load_cell("lstm", known), unit, width=width, units=units, **options)


def test_modern_has_the_parameters_that_are_counted_by_hand():
    d, kernel, hidden = 4, 4, 8
    lstm = LSTM * (d * d + d * d + d)
    mix = d + (kernel * d + d) + lstm + d + d * d  # norm, conv, cell, out_norm, gate
    after = d * d + d + 3 * d * hidden  # project, mlp_norm, swiglu
    assert built("modern").count() == mix + after
    assert built("modern", last=True).count() == mix + after + d
    both = 2 * mix + (2 * d * d) + d + 3 * d * hidden
    assert built("modern", directions=2).count() == both
    assert built("modern").state_size() == 2 * d + (kernel - 1) * d
    # products with 2 for each weight; sums, functions and products by elements with 1
    lstm = LSTM * 2 * 2 * d * d + LSTM * (2 * d + d) + 3 * d + 2 * d
    norms, conv = 3 * (5 + 1) * d, 2 * kernel * d + d
    matrices = 2 * (2 * d * d + 3 * d * hidden)  # gate, project, swiglu
    elements = d + 2 * d + d + 2 * hidden + d  # silu; silu and product; sum; the same of the MLP
    assert built("modern").flops() == lstm + norms + conv + matrices + elements


def test_griffin_has_the_parameters_that_are_counted_by_hand():
    d, r, kernel, hidden = 6, 8, 4, 18
    lstm = LSTM * (r * r + r * r + r)
    branches = 2 * (d * r + r)
    expected = d + branches + (kernel * r + r) + lstm + r * d + d + 3 * d * hidden
    made = built("griffin", width=d, units=r)
    assert made.count() == expected
    assert made.state_size() == 2 * r + 3 * r
    # 2 for each weight of a matrix; the LSTM's gates and equations, norms, biases, products apart
    matrices = 2 * (2 * d * r + kernel * r + 8 * r * r + r * d + 3 * d * hidden)
    assert matrices < made.flops() < 1.2 * matrices


def test_units_follow_from_the_width():
    assert units_of(64, 4 / 3) == 88  # the nearest multiple of 8 to 85.3
    assert units_of(64, 2.0) == 128
    assert units_of(5, 4 / 3) == 7


@pytest.mark.parametrize("expand", [0, -3.0, float("inf"), float("nan"), 1e300])
def test_a_factor_of_the_width_is_above_0_and_finite(expand):
    with pytest.raises(ConfigError, match="a number above 0 and at most 1,000"):
        units_of(64, expand)
    with pytest.raises(ConfigError, match=r"block\.ratio=-2"):
        built({"kind": "modern", "ratio": -2})


def test_a_convolution_of_a_billion_steps_is_refused():
    with pytest.raises(ConfigError, check=at("block.conv")):
        built({"kind": "modern", "conv": 10**9})


def test_a_plain_block_is_as_wide_as_what_its_layer_emits():
    assert built("plain", units=6, last=True).output_width == 6


def test_a_block_is_read_by_name_with_its_options():
    known = catalogue()
    spec = read_block({"kind": "modern", "conv": 0, "mlp": "swiglu"}, known)
    assert spec.canonical() == {"kind": "modern", "conv": 0}
    assert read_block("plain", known).plain
    with pytest.raises(ConfigError, check=at("block.kind", names=("modren",))):
        read_block("modren", known)
    with pytest.raises(ConfigError, check=at("block.conv")):
        read_block({"kind": "plain", "conv": 0}, known)
    with pytest.raises(ConfigError, check=at("block.mlp", names=("relu", "swiglu"))):
        read_block({"kind": "modern", "mlp": "relu"}, known)
    with pytest.raises(ConfigError, check=at("block.heads")):
        built("gla", width=6, units=6)


class Looks(Block):
    def combine(self, parts, x, mixed):
        return parts.convolution("conv", mixed, 2)


class Twice(Block):
    def mix(self, parts, x):
        return parts.mixer(parts.mixer(x))


class Never(Block):
    def mix(self, parts, x):
        return x


class Idle(Block):
    def mix(self, parts, x):
        parts.dense("gate", x, 4)
        return parts.mixer(x)


class Narrow(Block):
    def combine(self, parts, x, mixed):
        return parts.dense("out", mixed, 3)


class Misfit(Block):
    def mix(self, parts, x):
        return parts.mixer(x) + parts.dense("gate", x, 3)


class Named(Block):
    def combine(self, parts, x, mixed):
        return x + ops.tanh(parts.dense("Gate", mixed, 4))


class Elsewhere(Block):
    def mix(self, parts, x):
        return parts.mixer(parts.norm("norm", x))

    def combine(self, parts, x, mixed):
        from seams import NameNode as Name

        return x + mixed * Name("norm")


@pytest.mark.parametrize(
    ("block", "message"),
    [
        (Looks, "`mix`"),
        (Twice, "a block has one mixer"),
        (Never, "does not call parts.mixer"),
        (Idle, "the part 'gate'"),
        (Narrow, "width 3"),
        (Misfit, r"'rnn \+ gate'"),
        (Named, "'Gate' is not a lower-case name"),
        (Elsewhere, "reads 'norm'"),
    ],
)
def test_parts_that_do_not_fit_are_refused(block, message):
    with pytest.raises(CellError, match=message):
        built(block)


def test_a_block_is_shown_and_drawn_around_its_cell():
    made = built("modern", last=True)
    shown = text(describe(made))
    assert "rnn = lstm(silu(conv))  # the recurrent layer" in shown
    assert "finished = final_norm" in shown
    assert max(map(len, shown.splitlines())) <= 80
    drawing = block_diagram(made)
    for word in ("block modern: width 4", "convolution of 4 steps", "mlp_out", "candidate"):
        assert word in drawing


class Branch(Block):
    def mix(self, parts, x):
        each = parts.convolution("each", x, 1)
        return parts.mixer(each) + parts.convolution("branch", x, 1, width=parts.units)


def test_a_1_x_1_convolution_is_shown_and_drawn_with_its_matrix():
    made = built(Branch)
    shown = text(describe(made))
    assert "each = convolution(x)  # each step\n" in shown
    assert "branch = convolution(x)  # each step, 4 x 4" in shown
    drawing = block_diagram(made)
    assert "convolution of 1 step<" in drawing
    assert "convolution of 1 step, 4 x 4" in drawing
    styles = {link.target: link.style for link in block._Graph(made).links}
    assert (styles["each"], styles["branch"]) == ("diagonal", "dense")


def wrong(method):
    """A block with this method, which is wrong."""
    return type("Wrong", (Block,), {method.__name__: method})


def returns_nothing():
    def mix(self, parts, x):
        parts.mixer(x)

    return mix


def with_numpy():
    def mix(self, parts, x):
        return numpy.tanh(parts.mixer(x))

    return mix


def lambdas(value):
    def mix(self, parts, x):
        return parts.mixer(value(parts, x))

    return mix


WRONG = {
    "nothing": (returns_nothing(), "returns None"),
    "numpy": (with_numpy(), "numpy"),
    "a layer": (lambdas(lambda parts, x: parts.layer_norm(x)), "'layer_norm'"),
    "no name": (lambdas(lambda parts, x: parts.norm(x)), "'value'"),
    "no width": (lambdas(lambda parts, x: parts.dense("in", x)), "'width'"),
}


@pytest.mark.parametrize("case", WRONG)
def test_a_wrong_method_is_answered_at_the_authors_line(case):
    method, says = WRONG[case]
    with pytest.raises(CellError, match=r"test_block.py, line \d+") as caught:
        built(wrong(method))
    assert says in str(caught.value)
