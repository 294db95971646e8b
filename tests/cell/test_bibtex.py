"""Works as BibTeX, and BibTeX as works."""

from __future__ import annotations

import unicodedata
from typing import Any

import pytest
from seams import Work, bibtex, cited
from seams import bibtex_parse as parse

from gatekit import ConfigError

WORK = {"authors": "Gers, Felix A. and Schmidhuber, Jürgen", "title": "A & B_c", "year": 2000}
ENTRY = "@misc{a2000b,\n  author = {A, B.},\n  title  = {{B}},\n  year   = {2000}\n}"


def inline(*works: dict[str, Any]) -> list[Work]:
    """Return the works that a cell has as mappings."""
    return cited({"cite": list(works)}, {})


def one(text: str) -> Work:
    """Return the only work of a text."""
    [work] = parse(text, "references.bib").values()
    return work


def test_an_entry() -> None:
    assert bibtex(inline({**WORK, "journal": "J", "doi": "10.1/a_b"})) == (
        "@article{gers2000b_c,\n"
        "  author  = {Gers, Felix A. and Schmidhuber, Jürgen},\n"
        "  title   = {{A \\& B\\_c}},\n"
        "  year    = {2000},\n"
        "  journal = {J},\n"
        "  doi     = {10.1/a_b}\n"
        "}"
    )


@pytest.mark.parametrize(
    ("field", "kind"),
    [("journal", "article"), ("booktitle", "inproceedings"), ("school", "phdthesis")],
)
def test_where_it_appeared_decides_the_kind(field: str, kind: str) -> None:
    assert bibtex(inline({**WORK, field: "P"})).startswith(f"@{kind}{{")


def test_a_preprint_has_its_number() -> None:
    entry = bibtex(inline({**WORK, "arxiv": "1406.1078"}))
    assert entry.startswith("@misc{")
    assert "  eprint        = {1406.1078},\n  archiveprefix = {arXiv}" in entry


def test_keys_are_ascii() -> None:
    work = {"authors": "Pöppel, Korbinian", "title": "On the β-cell", "year": 2024}
    assert bibtex(inline(work)).startswith("@misc{poppel2024cell,")


def test_works_are_apart() -> None:
    assert bibtex(inline(WORK, WORK)).count("\n\n@misc{") == 1


def test_what_is_printed_is_read_back() -> None:
    work = {**WORK, "journal": "J", "doi": "10.1/a_b", "arxiv": "1406.1078", "title": r"a\b {c} 5%"}
    [made] = inline(work)
    assert one(made.entry()) == made
    assert one(made.entry()).data() == {"key": made.key, **work}


def test_an_unknown_key_is_a_line_that_bibtex_skips() -> None:
    text = bibtex(cited({"cite": ["b2001c", "a2000b"]}, {"a2000b": one(ENTRY)}))
    assert text == f"% b2001c: no references.bib has this key\n\n{ENTRY}"
    assert one(text) == one(ENTRY)


@pytest.mark.parametrize(
    "text",
    [
        "% a comment\n" + ENTRY,
        '@comment{ {a} } @preamble{"b"}' + ENTRY,
        '@Misc { a2000b , Author = "A, B." , title="{B}", YEAR=2000, }',
        '@string{me = "A, B."}@misc{a2000b, author = ME, title = {{B}}, year = "20" # 00}',
        "@misc{a2000b,author={A,\n\t  B.},title={{B}},year={2000}}\nno entry",
    ],
)
def test_spellings_of_one_entry(text: str) -> None:
    assert one(text) == one(ENTRY)


@pytest.mark.parametrize(
    ("written", "plain"),
    [
        (r"{\"o}{\'e}\`a\^{\i}", "öéàî".replace("î", "i\u0302")),
        (r"\c{c}{\v s}\H{o}\~n", "çšőñ"),
        (r"50\% of {LSTM}s \& \_x\{y\}", "50% of LSTMs & _x{y}"),
        (r"a \textbackslash b", "a \\b"),
    ],
)
def test_notation_is_removed(written: str, plain: str) -> None:
    found = one(f"@misc{{k, title = {{{written}}}}}").plain("title")
    assert found == unicodedata.normalize("NFC", plain)


@pytest.mark.parametrize(
    ("fields", "reference"),
    [
        ("author={Sak, H.}, year=2014, eprint={1}, archiveprefix={arXiv}", "Sak 2014, arXiv:1"),
        ("author={Felix Gers and Sak, H.}, year=1, doi={10.1/a_b}", "Gers & Sak 1, doi:10.1/a_b"),
        ("author={A, a and B, b and C, c}, year=2000, url={https://x.org}", "A, B & C 2000, https://x.org"),
        ("author={A, a and B, b and C, c and D, d}, year=2000", "A et al. 2000"),
        ("author={A, a and others}, journal={J}, volume=3, pages={1--2}", "A et al., J 3:1-2"),
        ("author={A, a}, year={in press}, booktitle={Conference}", "A in press, Conference"),
        ("title={T}", "k"),
    ],
)  # fmt: skip
def test_short_references(fields: str, reference: str) -> None:
    assert one(f"@misc{{k, {fields}}}").reference() == reference


@pytest.mark.parametrize(
    ("text", "line"),
    [
        ("\n\n@misc", 3),
        ("a@b.org", 1),
        ("@misc{", 1),
        ("@misc{a b, year = 1}", 1),
        ("@misc{a,\nyear}", 2),
        ("@misc{a, year = }", 1),
        ("@misc{a, year = 1 2}", 1),
        ("@misc{a, title = nobody}", 1),
        ("@misc{a, title = {b", 1),
        ('@misc{a, title = "b', 1),
        ('@misc{a, title = "b}"}', 1),
        ("@misc{a}\n@misc{a}", 2),
        (f"@misc{{{'a' * 200}, title = {{b}}}}", 1),
        (f"@misc{{a, t = {'{' * 200}{'}' * 200}}}", 1),
    ],
)
def test_what_is_not_bibtex(text: str, line: int) -> None:
    with pytest.raises(ConfigError, match=rf"^references.bib, line {line}: ."):
        parse(text, "references.bib")


@pytest.mark.parametrize(
    "text",
    [
        "@" * 10**6,
        "@a{" * 10**5,
        "@misc{a, " + "t = {}, " * 10**5,
        "@misc{a, t = " + "{}#" * 10**5,
        "@misc{a, t = {" + "{}" * 10**5,
        "@misc{" + "a" * 10**6,
        "@ " + " " * 10**6,
        "@misc{a, " + "b" * 10**6,
    ],
    ids=lambda text: text[:16],
)
def test_hostile_text_is_refused(text: str) -> None:
    with pytest.raises(ConfigError):
        parse(text, "references.bib")


def test_strings_do_not_multiply() -> None:
    doubled = "".join(f"@string{{s{k + 1} = s{k} # s{k}}}" for k in range(100))
    with pytest.raises(ConfigError, match="2,097,152"):
        parse(f'@string{{s0 = "{"x" * 99}"}}{doubled}', "references.bib")
    repeated = "".join(f"f{k} = s, " for k in range(10_000))
    with pytest.raises(ConfigError, match="2,097,152"):
        parse(f'@string{{s = "{"x" * 9_999}"}}@misc{{a, {repeated}}}', "references.bib")


def test_control_characters_are_spaces() -> None:
    assert one("@misc{a, title = {b\x1b[2Jc\u200bd}}").plain("title") == "b [2Jc d"
