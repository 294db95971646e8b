"""LaTeX of whole cells."""

from __future__ import annotations

import pytest
from matplotlib.mathtext import MathTextParser
from seams import aligned, equations
from structure import representatives

from .shown import BUNDLED, cell

# What is typeset follows from the functions and maps that occur, and here all of them do.
VARIED = representatives(BUNDLED)


def test_the_lstm_is_written_as_in_papers() -> None:
    assert equations(cell("lstm")) == (
        *(
            rf"\mathrm{{{gate}}}_t &= {function}\left(W_{{x}}^{{\mathrm{{{gate}}}}} x_t + "
            rf"U_{{h}}^{{\mathrm{{{gate}}}}} h_{{t-1}} + b^{{\mathrm{{{gate}}}}}\right)"
            for gate, function in [
                ("input", r"\sigma"),
                ("forget", r"\sigma"),
                ("output", r"\sigma"),
                ("candidate", r"\tanh"),
            ]
        ),
        r"c_t &= \mathrm{forget}_t \odot c_{t-1} + \mathrm{input}_t \odot \mathrm{candidate}_t",
        r"h_t &= \mathrm{output}_t \odot \tanh\left(c_t\right)",
        r"y_t &= h_t",
    )


def test_a_read_expression_is_mapped_as_a_whole() -> None:
    candidate = equations(cell("gru"))[2]
    assert r"\left(\mathrm{reset}_t \odot h_{t-1}\right)" in candidate
    assert r"U_{\mathrm{reset} \odot h}^{\mathrm{candidate}}" in candidate


def test_a_diagonal_read_is_a_product_by_element() -> None:
    lines = equations(cell("peephole"))
    assert r"p_{c}^{\mathrm{input}} \odot c_{t-1}" in lines[0]
    assert r"p_{c}^{\mathrm{output}} \odot c_t" in lines[4]


def test_an_identity_read_is_what_is_read() -> None:
    lines = equations(cell("slstm"))
    expected = r"\mathrm{exp\_forget}_t &= \exp\left(\mathrm{forget}_t + m_{t-1} - m_t\right)"
    assert expected in lines


def test_a_gate_with_state_parameter_and_several_uses_of_pre_is_written_in_lines() -> None:
    lines = equations(cell("lstm", swaps={"forget": "power_law"}))
    assert lines[1].startswith(r"a_{\mathrm{forget},t} &= W_{x}^{\mathrm{forget}} x_t")
    assert lines[2] == (
        r"k_{\mathrm{forget},t} &= \sigma\left(a_{\mathrm{forget},t}\right)\,t + "
        r"\left(1 - \sigma\left(a_{\mathrm{forget},t}\right)\right) \odot k_{\mathrm{forget},t-1}"
    )
    assert lines[3] == (
        r"\mathrm{forget}_t &= \left(\frac{t - k_{\mathrm{forget},t} + 1}"
        r"{t - k_{\mathrm{forget},t} + 0.001}\right)^{-p_{\mathrm{forget}}}"
    )


def test_norms_and_other_linear_maps_are_written() -> None:
    reads = {
        "x": {"kind": "low_rank", "rank": 2},
        "h_prev": {"kind": "block", "blocks": 2},
        "c": {"kind": "skew", "gamma": 0.1},
        "c_prev": "frozen",
    }
    lines = equations(
        cell(
            "lstm",
            gates={
                "input": {"kind": "input", "norm": {"of": "read"}},
                "forget": {"kind": "forget", "norm": {"of": "sum"}},
                "output": {"kind": "output", "reads": reads},
            },
            norms={"normal": "c"},
            equations={"h": "output * tanh(normal)"},
        )
    )
    text = "\n".join(lines)
    assert r"\gamma_{x}^{\mathrm{input}} \odot \operatorname{LN}\left(W_{x}" in text
    assert r"\gamma^{\mathrm{forget}} \odot \operatorname{LN}\left(W_{x}" in text
    assert r"R_{x}^{\mathrm{output}} L_{x}^{\mathrm{output}} x_t" in text
    assert r"\operatorname{blockdiag}\left(U_{h}^{\mathrm{output}}\right) h_{t-1}" in text
    assert r"{U_{c_t}^{\mathrm{output}}}^{\top} - 0.1 I\right) c_t" in text
    # Two reads whose names differ in time only keep their time in the weight's index.
    assert r"U_{c_{t-1}}^{\mathrm{output}} c_{t-1}" in text
    assert r"\mathrm{normal}_t &= \operatorname{LN}\left(c_t\right) \odot \gamma" in text


def test_the_scale_of_a_normalised_read_has_the_index_of_its_matrix() -> None:
    gate = {"kind": "input", "reads": ["x*x_prev", "c_prev/2"], "norm": {"of": "read"}}
    text = equations(cell("lstm", gates={"input": gate}))[0]
    assert (
        r"\gamma_{x \odot x}^{\mathrm{input}} \odot \operatorname{LN}\left(W_{x \odot x}^" in text
    )
    assert r"\gamma_{\frac{c}{2}}^{\mathrm{input}} \odot \operatorname{LN}" in text


def test_an_output_unit_with_a_history_is_written() -> None:
    last = equations(cell("lstm", output_unit="mix_last"))[-1]
    assert last.startswith("y_t &= ")
    assert last.endswith(r"\left[h_{t-3}, \dots, h_t\right]")


def test_constants_have_no_time() -> None:
    assert r"\operatorname{repeat}_{\mathrm{chunk}}" in aligned(cell("on_lstm"))
    assert r"\mathrm{forget}_t - \beta" in aligned(cell("janet"))


@pytest.mark.parametrize("name", BUNDLED)
def test_every_bundled_cell_is_one_aligned_environment(name: str) -> None:
    text = aligned(cell(name))
    lines = text.split("\n")
    assert lines[0] == r"\begin{aligned}"
    assert lines[-1] == r"\end{aligned}"
    assert all(line.count("&=") == 1 for line in lines[1:-1])
    assert all(line.endswith(r"\\") for line in lines[1:-2])
    assert text.count("{") == text.count("}")
    assert text.count(r"\left") == text.count(r"\right")


@pytest.mark.one_in(5, slow=5)
@pytest.mark.parametrize(
    "name", [n if n in VARIED else pytest.param(n, marks=pytest.mark.slow) for n in BUNDLED]
)
def test_another_program_reads_every_equation(name: str) -> None:
    parser = MathTextParser("agg")
    for line in equations(cell(name)):
        parser.parse(f"${line.replace('&=', '=')}$")


def test_a_norm_names_the_gates_that_share_its_statistics() -> None:
    text = aligned(cell("layer_norm_gru_stacked"))
    assert (
        r"\operatorname{LN}_{\mathrm{reset},\mathrm{update}}\left(W_{x}^{\mathrm{reset}} x_t"
        in text
    )
    assert r"\operatorname{LN}\left(W_{x}^{\mathrm{candidate}} x_t" in text
