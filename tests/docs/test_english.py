"""Plain English: words and patterns that do not occur in documents, docstrings and messages."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from gatekit.registry.discovery import is_bundled

from .pages import ROOT

AVOIDED = {
    # files are somewhere, programs show and report
    r"(?:stands|stood)(?! (?:for|in for|out)\b)|lies": "is, are",
    r"tells?|told(?! apart\b)|says?|said": "show, report, state, print",
    r"mend(?:s|ed|ing)?": "fix",
    r"(?:leave|leaves|left|leaving) away": "omit",
    r"(?:take|takes|took|taken|taking) away": "remove",
    r"(?:see|sees) to(?! it that\b)": "check, take care of",
    r"all the same(?= *[,.;:])": "nevertheless, anyway",
    # the user is you
    r"who(?:m)?ever": "anyone who, you",
    r"nobody": "no one",
    r"such a one": "this, one of these",
    r"likewise": "also, too",
    r"one's own": "your own",
    # the field's words
    r"an? texts?(?! (?:editor|file|block))": "a string",
    r"truth values?": "boolean",
    r"mak(?:e|es|ing) (?:a |one |each |every )?runs?|(?:runs?|is|are) made again": "run",
    r"(?<!there )is no(?! (?:longer|more|less|worse|better)\b)(?= \w)": "is not a",
}
"""Patterns that a reader stumbles over, each with what to write instead."""

FRONTED = {
    r"Of (?:an?|the|every|each|all|two|several|many|which)": "begin with the subject",
    r"The same for": "This also holds for",
}
"""The same at the beginning of a sentence."""

EXCEPTIONS: dict[str, set[str]] = {}
"""Found strings that are right where they are, by file; ``*`` allows everything in it."""

PACKAGES: tuple[str, ...] = ("gatekit", "plugins")
"""Folders below the root whose docstrings and string literals are checked: `gatekit/cell`."""

WIDTH = 140
"""The columns of a line of Markdown, outside code blocks and tables with links."""

WIDE = {"docs/studies.md": ("| `min` | smaller |", "| `max` | larger |")}
"""Rows of a table that may be wider, by page: lists that a test reads."""

GENERATED = ("experiments/speed/epyc/", "experiments/speed/xeon/")
"""Pages of measurements, whose tables may have any width."""

_CODE = re.compile(r"^(```+)[^\n]*\n.*?^\1$", re.MULTILINE | re.DOTALL)
_SPAN = re.compile(r"(`+)(?!`).+?(?<!`)\1(?!`)", re.DOTALL)
_LINK = re.compile(r"\]\([^)\s]*\)")
_RULES = [
    *(
        (re.compile(rf"(?<![\w.'-])(?:{pattern})(?![\w'])", re.IGNORECASE), better)
        for pattern, better in AVOIDED.items()
    ),
    *(
        (re.compile(rf"(?:(?<=[.!?:;] )|^)(?:{pattern})\b", re.MULTILINE), better)
        for pattern, better in FRONTED.items()
    ),
]


def pages() -> list[str]:
    """Return the Markdown files that a person reads."""
    found = [
        *(
            ROOT / name
            for name in ("README.md", "AGENTS.md", "CONTRIBUTING.md", "SECURITY.md", "CHANGELOG.md")
        ),
        *sorted((ROOT / "docs").rglob("*.md")),
        *sorted((ROOT / "experiments").rglob("*.md")),
    ]
    return [str(path.relative_to(ROOT)) for path in found]


def prose(markdown: str) -> str:
    """Return the paragraphs of a page, one a line, without code, links and emphasis."""
    text = _CODE.sub("\n", markdown)
    text = re.sub(r"\n(?=[ \t]*(?:[-*|#>]|\d+\.) ?)", "\n\n", text)
    text = _LINK.sub("]", _SPAN.sub("CODE", text))
    paragraphs = (" ".join(part.split()) for part in text.split("\n\n"))
    return "\n".join(re.sub(r"^[-*|#> ]+|\*\*", "", part) for part in paragraphs if part)


def faults(text: str, allowed: set[str]) -> list[str]:
    """Return what a text should not contain, with some words around it."""
    if "*" in allowed:
        return []
    return [
        f"{text[max(0, match.start() - 40) : match.end() + 40]!r}: {match[0]!r} -> {better}"
        for rule, better in _RULES
        for match in rule.finditer(text)
        if match[0].strip() not in allowed
    ]


@pytest.mark.parametrize("page", pages())
def test_a_page_is_in_plain_english(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    assert faults(prose(text), EXCEPTIONS.get(page, set())) == []


@pytest.mark.parametrize("page", [p for p in pages() if not p.startswith(GENERATED)])
def test_a_line_of_markdown_is_not_too_wide(page: str) -> None:
    text = (ROOT / page).read_text(encoding="utf-8")
    text = _CODE.sub(lambda code: "\n" * code[0].count("\n"), text)
    assert [
        f"{page}:{number} has {len(line)} columns"
        for number, line in enumerate(text.splitlines(), 1)
        if len(line) > WIDTH
        and not (line.startswith("|") and "](" in line)
        and not line.startswith(WIDE.get(page, ()) or "\n")
    ] == []


def strings(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the docstrings and the messages of a module, with their lines.

    A message is a string literal with a space; the parts of an f-string are one message.
    """
    tree = ast.parse(path.read_text(encoding="utf-8"))
    inside: set[int] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.JoinedStr):
            parts = [v.value if isinstance(v, ast.Constant) else "CODE" for v in node.values]
            inside |= {id(v) for v in ast.walk(node) if v is not node}
            yield node.lineno, "".join(map(str, parts))
        elif (
            isinstance(node, ast.Constant)
            and isinstance(node.value, str)
            and id(node) not in inside
            and " " in node.value.strip()
        ):
            yield node.lineno, node.value


def modules() -> list[str]:
    """Return the modules of the packages that are checked."""
    found = [path for name in PACKAGES for path in sorted((ROOT / name).rglob("*.py"))]
    # plugins/NAME.py in the clone is the user's
    found = [path for path in found if path.parent.name != "plugins" or is_bundled(path)]
    return [str(path.relative_to(ROOT)) for path in found]


@pytest.mark.parametrize("module", modules())
def test_a_module_is_in_plain_english(module: str) -> None:
    allowed = EXCEPTIONS.get(module, set())
    found = [
        f"{module}:{line} {fault}"
        for line, text in strings(ROOT / module)
        for fault in faults(prose(text), allowed)
    ]
    assert found == []


AWKWARD = [
    "What a name needs orders it, not where it stands.",
    "The table tells how long it takes.",
    "Mend this line, or leave it.",
    "Options that are the default are left away.",
    "It takes away what is not needed.",
    "See to the disk.",
    "It continues all the same.",
    "Whoever writes it can do what you can.",
    "It keeps nobody from malice.",
    "The file lies beside such a one.",
    "theirs: likewise.",
    "Put it beside one's own runs.",
    "The argument is a text.",
    "An expression has no truth value.",
    "The same command makes a run.",
    "The value is no number.",
    "Of a key that is given twice\nthe last counts.",
    "Options: `x`. The same for gates.",
]
PLAIN = [
    "There is no release yet, and it is no longer needed.",
    "`gatekit compare` reports that no difference is shown.",
    "```text\ntype: mend this line\n```",
    "The verdict states which group is better. The share of the state is shown.",
    "A sentence in quotes: [`said`](said.md) is a link.",
    "None stands for zero.",
    "See to it that the disk has room; it is no worse.",
    "The two groups are not told apart.",
    "Use a text editor.",
]


def test_every_rule_finds_a_sentence() -> None:
    texts = [prose(text) for text in AWKWARD]
    unused = [rule.pattern for rule, _ in _RULES if not any(rule.search(text) for text in texts)]
    assert unused == []


@pytest.mark.parametrize("text", AWKWARD)
def test_an_awkward_sentence_is_found(text: str) -> None:
    assert faults(prose(text), set())
    assert faults(prose(text), {"*"}) == []


@pytest.mark.parametrize("text", PLAIN)
def test_a_plain_sentence_is_not(text: str) -> None:
    assert faults(prose(text), set()) == []


def test_docstrings_and_messages_are_read(tmp_path: Path) -> None:
    path = tmp_path / "module.py"
    path.write_text(
        '"""It stands here."""\nkey = "stands"\ntext = f"{key} lies in {key}, nobody knows"\n'
        'def f():\n    """Return what was said."""\n    raise ValueError("mend this " "line")\n'
    )
    found = [
        fault.split(" -> ")[0].split(": ")[-1]
        for _, text in strings(path)
        for fault in faults(prose(text), set())
    ]
    assert sorted(found) == ["'lies'", "'mend'", "'nobody'", "'said'", "'stands'"]
