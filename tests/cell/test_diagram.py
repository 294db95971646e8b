"""The drawing of a cell: valid, complete, and no line through a box."""

from __future__ import annotations

import re
from itertools import pairwise
from xml.etree import ElementTree

import pytest
from seams import OUTPUT, Boxes
from seams import BuiltCell as Cell
from seams import drawing_diagram as diagram

from .shown import BUNDLED, cell

SVG = "{http://www.w3.org/2000/svg}"
Point = tuple[float, float]
Rectangle = tuple[float, float, float, float]
WILD_READS = {
    "x": "dense",
    "h_prev": {"kind": "block", "blocks": 2},
    "c": "diagonal",
    "c_prev": "skew",
    "forget * h_prev": "low_rank",
}
WILD = {
    "input": {"kind": "input", "norm": {"of": "read"}},
    "forget": {"kind": "power_law"},
    "output": {"kind": "output", "reads": WILD_READS},
}


CELLS = [*BUNDLED, "wild", "history"]


def built(name: str) -> Cell:
    """Return a bundled cell, or one with every kind of read and a norm, or one with a history."""
    if name == "wild":
        equations, norms = {"h": "output * tanh(c_out)"}, {"c_out": "c"}
        changed = {"gates": WILD, "norms": norms, "equations": equations}
        return cell("peephole", output_unit="gated", **changed)
    if name == "history":
        return cell("lstm", output_unit="mix_last", swaps={"forget": "power_law"})
    return cell(name)


def rectangles(root: ElementTree.Element) -> list[Rectangle]:
    """Return the boxes, without page and stages."""
    found = []
    for rect in root.iter(f"{SVG}rect"):
        if "rx" in rect.attrib and rect.attrib["stroke"] != "#dddddd":
            x, y, width, height = (float(rect.attrib[k]) for k in ("x", "y", "width", "height"))
            found.append((x, y, x + width, y + height))
    return found


def stages(root: ElementTree.Element) -> list[str]:
    """Return the titles of the stages."""
    texts = ["".join(t.itertext()) for t in root.iter(f"{SVG}text")]
    return [t for t in texts if re.fullmatch(r"stage \d+", t)]


def paths(root: ElementTree.Element) -> list[list[Point]]:
    """Return the arrows, sampled closely."""
    return [
        samples(path.attrib["d"]) for path in root.iter(f"{SVG}path") if "marker-end" in path.attrib
    ]


def samples(data: str) -> list[Point]:
    """Return points on a path of M, L, C, Q and h commands."""
    points: list[Point] = []
    for command, text in re.findall(r"([MLCQh])([^MLCQh]*)", data):
        numbers = [float(n) for n in re.findall(r"-?[\d.]+", text)]
        if command == "M":
            points.append((numbers[0], numbers[1]))
            continue
        if command == "h":
            numbers = [points[-1][0] + numbers[0], points[-1][1]]
        controls = [points[-1], *zip(numbers[::2], numbers[1::2], strict=True)]
        points += [bezier(controls, k / 40) for k in range(1, 41)]
    return points


def bezier(controls: list[Point], t: float) -> Point:
    """Return a point of a Bezier curve of any degree."""
    while len(controls) > 1:
        controls = [
            ((1 - t) * a[0] + t * b[0], (1 - t) * a[1] + t * b[1]) for a, b in pairwise(controls)
        ]
    return controls[0]


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", CELLS)
def test_no_arrow_crosses_a_box(name: str) -> None:
    root = ElementTree.fromstring(diagram(built(name)))
    boxes = rectangles(root)
    arrows = paths(root)
    assert boxes
    assert arrows
    for arrow in arrows:
        for x, y in arrow:
            for left, top, right, bottom in boxes:
                assert not (left + 0.5 < x < right - 0.5 and top + 0.5 < y < bottom - 0.5)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", CELLS)
def test_boxes_do_not_overlap_and_lie_on_the_page(name: str) -> None:
    root = ElementTree.fromstring(diagram(built(name)))
    boxes = rectangles(root)
    width, height = float(root.attrib["width"]), float(root.attrib["height"])
    for index, (left, top, right, bottom) in enumerate(boxes):
        assert left > 0
        assert top > 0
        assert right < width
        assert bottom < height
        for other in boxes[index + 1 :]:
            apart = left >= other[2] or right <= other[0] or top >= other[3] or bottom <= other[1]
            assert apart
    for arrow in paths(root):
        assert all(0 < x < width and 0 < y < height for x, y in arrow)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", CELLS)
def test_texts_fit_their_boxes(name: str) -> None:
    root = ElementTree.fromstring(diagram(built(name)))
    boxes = rectangles(root)
    inside = 0
    for text in root.iter(f"{SVG}text"):
        x, y, size = (float(text.attrib[k]) for k in ("x", "y", "font-size"))
        # DejaVu is among the widest fonts: 0.6 em a character, bold 0.7 on average.
        em = 0.7 if text.attrib["font-weight"] == "bold" else 0.61
        half = em * size * len("".join(text.itertext())) / 2
        for left, top, right, bottom in boxes:
            if left < x < right and top < y < bottom:
                inside += 1
                assert left < x - half
                assert x + half < right
                assert top < y - 0.8 * size
                assert y < bottom
    assert inside >= len(boxes)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("name", CELLS)
def test_every_signal_state_and_stage_is_there(name: str) -> None:
    shown = built(name)
    root = ElementTree.fromstring(diagram(shown))
    texts = {"".join(t.itertext()) for t in root.iter(f"{SVG}text")}
    assert {node.name for node in shown.nodes} <= texts
    assert {f"{state.name}_prev" for state in shown.states} <= texts
    assert stages(root) == [f"stage {k}" for k, stage in enumerate(shown.stages()) if stage]
    feedback = [p for p in root.iter(f"{SVG}path") if p.get("marker-end") == "url(#feedback)"]
    # The legend has one more.
    assert len(feedback) == len(shown.states) + 1


def links(boxes: Boxes) -> set[tuple[str, str, str]]:
    """Return what leads to what, and how."""
    return {(link.source, link.target, link.style) for link in boxes.links}


def test_the_links_of_the_peephole_lstm() -> None:
    dense = {(s, g, "dense") for s in ("x", "h_prev") for g in ("input", "forget", "candidate")}
    expected = dense | {
        ("x", "output", "dense"),
        ("h_prev", "output", "dense"),
        ("c_prev", "input", "diagonal"),
        ("c_prev", "forget", "diagonal"),
        ("c", "output", "diagonal"),
        ("c_prev", "c", "thin"),
        ("forget", "c", "thin"),
        ("input", "c", "thin"),
        ("candidate", "c", "thin"),
        ("output", "h", "thin"),
        ("c", "h", "thin"),
        ("h", OUTPUT, "thin"),
    }
    boxes = Boxes(cell("peephole"))
    assert links(boxes) == expected
    assert boxes.feedback == [("h", "h_prev"), ("c", "c_prev")]


def test_a_read_expression_and_another_linear_map_have_a_box_of_their_own() -> None:
    boxes = Boxes(cell("gru"))
    read = boxes.drawn["read reset * h_prev"]
    assert read.lines == ("reset * h_prev",)
    assert {("reset", read.key, "thin"), ("h_prev", read.key, "thin")} < links(boxes)
    assert (read.key, "candidate", "dense") in links(boxes)
    assert "read block[blocks=2](h_prev)" in Boxes(built("wild")).drawn


def test_a_gates_own_state_comes_back_to_the_gate() -> None:
    boxes = Boxes(built("history"))
    assert ("forget", "forget.k_prev") in boxes.feedback
    assert {("forget.k_prev", "forget", "thin"), ("t", "forget", "thin")} < links(boxes)
    assert boxes.drawn[OUTPUT].lines == ("output unit mix_last", "last 4 of h")


def test_every_link_goes_to_the_right() -> None:
    for name in CELLS:
        boxes = Boxes(built(name))
        for link in boxes.links:
            assert boxes.drawn[link.source].column < boxes.drawn[link.target].column


def test_gates_tell_their_kind_or_formula() -> None:
    drawn = Boxes(cell("mingru")).drawn
    assert drawn["candidate"].lines == ("positive(pre)", "before the loop")
    assert drawn["update"].lines == ("update", "before the loop")
    assert Boxes(built("wild")).drawn["input"].lines == ("input", "layer norm of read")


def test_a_sum_has_a_line_for_each_term() -> None:
    assert Boxes(cell("lstm")).drawn["c"].lines == ("= forget * c_prev", "+ input * candidate")


def test_foreign_text_is_text() -> None:
    evil = '<script>alert(1)</script>&"\x00\x1b'
    document = diagram(cell("rnn", name=evil, reference=f"{evil} ]]> <b>"))
    root = ElementTree.fromstring(document)
    assert {element.tag.removeprefix(SVG) for element in root.iter()} == {
        *("svg", "title", "defs", "marker", "path", "rect", "text")
    }
    assert root.findtext(f"{SVG}title") == '<script>alert(1)</script>&"'


def test_the_document_needs_nothing_else() -> None:
    document = diagram(cell("lstm"))
    addresses = re.findall(r"https?://[^\"]+", document)
    assert addresses == ["http://www.w3.org/2000/svg"]
    assert "href" not in document


def test_the_same_cell_gives_the_same_drawing() -> None:
    assert diagram(cell("slstm")) == diagram(cell("slstm"))
