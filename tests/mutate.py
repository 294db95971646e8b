"""Change functions of gatekit one at a time, and count the changes that their tests notice.

    python -m tests.mutate --seed 1 --number 40 [--package runs] [--jobs 1] [--json]

A seed chooses functions, one change for each (a mutant), and nothing else: the same seed chooses
the same mutants until the code changes. Each mutant is written into a copy of the repository, where
the quick tests of its module run until one fails. A mutant that no test notices survives. Read each
survivor: add a test that notices it, or, if no test could, its id and the reason to
tests/mutants.toml, which leaves it out of the score.

The tests of a function are the eight tests whose words are most like its own, and the five files
whose words are most like those of the function and its module. Of a file that takes long (EARLY of
tests/conftest.py), eight tests run. If none of them fails, the quick tests of the package run.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import hashlib
import json
import math
import random
import re
import sys
import textwrap
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

# To run as a file and as a module alike.
sys.path.insert(0, str(Path(__file__).parent))

from planted import ROOT, copied, run_tests
from scipy.stats import binomtest

EQUIVALENT = Path(__file__).with_name("mutants.toml")
TESTS, FILES, OF_LONG, WEIGHT = 8, 5, 8, 4
"""Single tests and files of a function; tests of a long file; how often its own words count."""

NOT_RUN = ("docs", "experiments")
"""Folders whose tests read text or run for long."""


def _early() -> Iterator[str]:
    """Yield the files of EARLY in conftest.py, which each folder of tests may have of its own."""
    tree = ast.parse(Path(__file__).with_name("conftest.py").read_text(encoding="utf-8"))
    for node in tree.body:
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "EARLY":
            yield from ast.literal_eval(node.value)


LONG = {f"tests/{name}" for name in _early()}

_OPPOSITES = [(ast.Lt, ast.LtE), (ast.Gt, ast.GtE), (ast.Eq, ast.NotEq), (ast.Is, ast.IsNot)]
_OPPOSITES += [(ast.In, ast.NotIn)]
_COMPARED = {one: other for pair in _OPPOSITES for one, other in (pair, pair[::-1])}
_COMPUTED = {ast.Mult: ast.Div, ast.Div: ast.Mult, ast.FloorDiv: ast.Mult, ast.Mod: ast.FloorDiv}
_COMPUTED |= {ast.Pow: ast.Mult}
_SIGNS = {ast.Add: ast.Sub, ast.Sub: ast.Add}
_MASKS = {ast.BitAnd: ast.BitOr, ast.BitOr: ast.BitAnd, ast.And: ast.Or, ast.Or: ast.And}
_UNWRAPPED = {"abs", "copy", "lower", "resolve", "reversed", "set", "sorted", "stop_gradient"}
_SYMMETRIC = {
    *("isinstance", "hasattr", "getattr", "setattr", "cast", "max", "min", "maximum", "minimum"),
    *("gcd", "hypot", "isclose", "logical_and", "logical_or", "add", "multiply", "equal"),
    "suppress",
}
_UNSEEN = ("description", "encoding", "epilog", "help", "metavar", "stacklevel", "strict")
"""Arguments for readers, and those that change nothing where gatekit is tested."""

_CONSTANTS = {"bool": "True", "int": "0", "float": "1.0", "str": "''", "list": "[]", "dict": "{}"}
_CONSTANTS |= {"tuple": "()", "set": "set()"}


@dataclasses.dataclass(frozen=True)
class Mutant:
    """One change of one function.

    Args:
        file: the file, from the root of the repository.
        function: its qualified name in the module.
        kind: what is changed; a key of ``KINDS``.
        place: the number of this change among those of its kind in the function.
        line: the line of the change.
        before: the source that is replaced.
        after: what replaces it.
        source: the whole file after the change.
    """

    file: str
    function: str
    kind: str
    place: int
    line: int
    before: str
    after: str
    source: str = dataclasses.field(repr=False)

    @property
    def id(self) -> str:
        """A name that changes with the code that is replaced."""
        digest = hashlib.sha256(f"{self.before}\n{self.after}".encode()).hexdigest()[:6]
        return f"{self.file}:{self.function}:{self.kind}:{self.place}:{digest}"

    @property
    def package(self) -> str:
        """The package, which is the first folder inside gatekit."""
        return Path(self.file).parts[1].removesuffix(".py")


def _comparison(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.Compare) and type(node.ops[0]) in _COMPARED:
        first = _COMPARED[type(node.ops[0])]()
        yield ast.Compare(node.left, [first, *node.ops[1:]], node.comparators)


def _off_by_one(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.Constant) and type(node.value) is int:
        yield ast.Constant(node.value + 1)


def _dropped_call(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.Expr) and isinstance(node.value, ast.Call) and not _syncs(node):
        yield "pass"
    if isinstance(node, ast.Call) and _called(node) in _UNWRAPPED and not node.keywords:
        if isinstance(node.func, ast.Attribute) and not node.args:
            yield node.func.value
        elif len(node.args) == 1:
            yield node.args[0]


def _dropped_fsync(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.Expr) and _syncs(node):
        yield "pass"


def _dropped_argument(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.Call):
        for place, keyword in enumerate(node.keywords):
            if keyword.arg not in (None, *_UNSEEN):
                kept = [*node.keywords[:place], *node.keywords[place + 1 :]]
                yield ast.Call(node.func, node.args, kept)


def _swapped_arguments(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.Call) and len(node.args) > 1 and _called(node) not in _SYMMETRIC:
        first, second, *rest = node.args
        starred = any(isinstance(arg, ast.Starred) for arg in (first, second))
        if not starred and ast.dump(first) != ast.dump(second):
            yield ast.Call(node.func, [second, first, *rest], node.keywords)


def _axis(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.Call):
        for keyword in node.keywords:
            if keyword.arg == "axis" and isinstance(keyword.value, (ast.Constant, ast.UnaryOp)):
                other = ast.Constant(1 if ast.unparse(keyword.value) == "0" else 0)
                kept = [
                    k if k is not keyword else ast.keyword("axis", other) for k in node.keywords
                ]
                yield ast.Call(node.func, node.args, kept)


def _sign(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.USub):
        yield node.operand
    if isinstance(node, ast.BinOp) and type(node.op) in _SIGNS:
        strings = (ast.JoinedStr, ast.List, ast.Tuple, ast.ListComp)
        sides = (node.left, node.right)
        text = any(isinstance(s, ast.Constant) and isinstance(s.value, (str, bytes)) for s in sides)
        if not text and not any(isinstance(side, strings) for side in sides):
            yield ast.BinOp(node.left, _SIGNS[type(node.op)](), node.right)


def _arithmetic(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.BinOp) and type(node.op) in _COMPUTED:
        yield ast.BinOp(node.left, _COMPUTED[type(node.op)](), node.right)


def _negation(node: ast.AST) -> Iterator[ast.AST | str]:
    if isinstance(node, ast.BinOp) and type(node.op) in _MASKS:
        yield ast.BinOp(node.left, _MASKS[type(node.op)](), node.right)
    if isinstance(node, ast.BoolOp):
        yield ast.BoolOp(_MASKS[type(node.op)](), node.values)
    if isinstance(node, ast.UnaryOp) and isinstance(node.op, (ast.Not, ast.Invert)):
        yield node.operand
    if isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield ast.Constant(not node.value)
    if isinstance(node, ast.IfExp):
        yield ast.IfExp(node.test, node.orelse, node.body)


KINDS: dict[str, Callable[[ast.AST], Iterator[ast.AST | str]]] = {
    "comparison": _comparison,
    "off by one": _off_by_one,
    "dropped call": _dropped_call,
    "dropped fsync": _dropped_fsync,
    "dropped argument": _dropped_argument,
    "swapped arguments": _swapped_arguments,
    "axis": _axis,
    "sign": _sign,
    "arithmetic": _arithmetic,
    "negation": _negation,
}
"""What a change is called, and its function: a node's replacements, each a node or source."""

DEFAULT, RETURNED = "default", "returned constant"
Change = tuple[str, Any, "ast.AST | str"]
"""The kind, the node that is replaced, and its replacement."""

_OTHERS = (ast.arguments, ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)


def _called(node: ast.Call) -> str:
    return getattr(node.func, "id", getattr(node.func, "attr", ""))


def _syncs(node: ast.Expr) -> bool:
    return isinstance(node.value, ast.Call) and "sync" in _called(node.value)


def _is_message(node: ast.AST) -> bool:
    """Return whether nothing but a message, a type or a type checker depends on a node."""
    if isinstance(node, (ast.Raise, ast.Assert, ast.JoinedStr)):
        return True
    if isinstance(node, ast.keyword):
        return node.arg in _UNSEEN
    if isinstance(node, ast.Call):
        return bool(re.search("Error$|Warning$|^warn|^cast$|^debug$", _called(node)))
    return isinstance(node, ast.Expr) and isinstance(node.value, ast.Constant)


def _parts(node: ast.AST) -> Iterator[ast.AST]:
    """Yield the nodes inside a function that may be changed, without those of inner functions."""
    for name, value in ast.iter_fields(node):
        if name in ("annotation", "returns", "decorator_list"):
            continue
        for part in value if isinstance(value, list) else [value]:
            if (
                isinstance(part, ast.AST)
                and not isinstance(part, _OTHERS)
                and not _is_message(part)
            ):
                yield part
                yield from _parts(part)


def functions(tree: ast.AST, inside: str = "") -> Iterator[tuple[str, ast.FunctionDef]]:
    """Yield each function of a module with its qualified name, except ``__repr__``."""
    for node in ast.iter_child_nodes(tree):
        name = f"{inside}{getattr(node, 'name', '')}"
        if isinstance(node, ast.FunctionDef) and node.name != "__repr__":
            yield name, node
        named = isinstance(node, (ast.FunctionDef, ast.ClassDef))
        yield from functions(node, f"{name}." if named else inside)


def _changes(function: ast.FunctionDef) -> Iterator[Change]:
    """Yield the kind, the node and its replacement for each change of a function."""
    for node in [*function.args.defaults, *function.args.kw_defaults]:
        if isinstance(node, ast.Constant) and type(node.value) in (bool, int, float):
            other = not node.value if type(node.value) is bool else node.value + 1
            yield DEFAULT, node, ast.Constant(other)
    for node in _parts(function):
        for kind, change in KINDS.items():
            for new in change(node):
                yield kind, node, new
        if isinstance(node, ast.Return) and node.value is not None:
            kind = re.split(r"\W", ast.unparse(function.returns) if function.returns else "")[0]
            yield RETURNED, node.value, _CONSTANTS.get(kind, "None")
        if isinstance(node, (ast.If, ast.While)):
            yield "negation", node.test, ast.UnaryOp(ast.Not(), node.test)


def _mutant(file: str, source: str, name: str, place: int, change: Change) -> Mutant | None:
    """Return a mutant; None if it does not compile or has the same syntax tree."""
    kind, node, new = change
    lines = source.encode().splitlines(keepends=True)
    begin = sum(map(len, lines[: node.lineno - 1])) + node.col_offset
    end = sum(map(len, lines[: node.end_lineno - 1])) + node.end_col_offset
    after = new if isinstance(new, str) else ast.unparse(ast.fix_missing_locations(new))
    text = after if isinstance(node, ast.stmt) else f"({after})"
    data = source.encode()
    changed = (data[:begin] + text.encode() + data[end:]).decode()
    try:
        compile(changed, file, "exec")
    except (SyntaxError, ValueError):
        return None
    if ast.dump(ast.parse(changed)) == ast.dump(ast.parse(source)):
        return None
    return Mutant(file, name, kind, place, node.lineno, ast.unparse(node), after, changed)


def mutants(file: str, source: str) -> Iterator[Mutant]:
    """Yield every mutant of a module: each compiles and has another syntax tree.

    Args:
        file: the file's path from the root of the repository.
        source: its content.
    """
    for name, function in functions(ast.parse(source)):
        for place, change in _numbered(function):
            if mutant := _mutant(file, source, name, place, change):
                yield mutant


def _numbered(function: ast.FunctionDef) -> list[tuple[int, Change]]:
    """Return the changes of a function, each with its number among those of its kind."""
    count: Counter[str] = Counter()
    found = []
    for change in _changes(function):
        count[change[0]] += 1
        found.append((count[change[0]], change))
    return found


def chosen(root: Path, seed: int, number: int, package: str = "") -> list[Mutant]:
    """Return one mutant of each function that a seed chooses, sorted by file and line.

    The kinds of change that a function allows are equally likely, however many it has of each.

    Args:
        root: the repository's root.
        seed: chooses functions and changes.
        number: how many; all functions if there are fewer.
        package: a folder in gatekit, such as ``runs`` or ``compare/stats``; all by default.
    """
    found = []
    for path in sorted((root / "gatekit" / package).rglob("*.py")):
        source = path.read_text(encoding="utf-8")
        for name, function in functions(ast.parse(source)):
            found.append((path.relative_to(root).as_posix(), source, name, function))
    draw = random.Random(seed)
    draw.shuffle(found)
    picked: list[Mutant] = []
    for file, source, name, function in found:
        if len(picked) == number:
            break
        numbered = _numbered(function)
        kinds = sorted({change[0] for _, change in numbered})
        if not kinds:
            continue
        kind = draw.choice(kinds)
        place, change = draw.choice([pair for pair in numbered if pair[1][0] == kind])
        if mutant := _mutant(file, source, name, place, change):
            picked.append(mutant)
    return sorted(picked, key=lambda mutant: (mutant.file, mutant.line))


# -- which tests run


def _words(text: str) -> Counter[str]:
    parts = re.findall("[a-z]{3,}|[A-Z][a-z]{2,}|[A-Z]{3,}", text)
    return Counter(part.lower() for part in parts)


class _Texts:
    """How near texts are to each other: the cosine of their words' weights, tf-idf.

    Args:
        texts: by name.

    Reference:
        Saha et al., "An information retrieval approach for regression test prioritization based on
        program changes", ICSE (2015), doi:10.1109/ICSE.2015.47
    """

    def __init__(self, texts: Mapping[str, str]) -> None:
        counts = {name: _words(text) for name, text in texts.items()}
        self._holders = Counter(word for count in counts.values() for word in count)
        self._number = len(counts)
        self._weights = {name: self._weighed(count) for name, count in counts.items()}

    def nearest(self, words: Counter[str], number: int) -> list[str]:
        """Return the names of the texts that are nearest to some words, nearest first."""
        asked = self._weighed(words)

        def near(name: str) -> float:
            weights = self._weights[name]
            return sum(value * weights.get(word, 0.0) for word, value in asked.items())

        return sorted(self._weights, key=near, reverse=True)[:number]

    def _weighed(self, count: Counter[str]) -> dict[str, float]:
        held = {word: n for word, n in count.items() if word in self._holders}
        weights = {
            word: (1 + math.log(n)) * math.log1p(self._number / self._holders[word])
            for word, n in held.items()
        }
        size = math.hypot(*weights.values()) or 1.0
        return {word: value / size for word, value in weights.items()}


class Tests:
    """Which tests belong to a function.

    Args:
        root: the repository's root.
    """

    def __init__(self, root: Path) -> None:
        files = {p.relative_to(root).as_posix(): p for p in (root / "tests").rglob("test_*.py")}
        self._texts = {
            file: path.read_text(encoding="utf-8")
            for file, path in sorted(files.items())
            if file.count("/") > 1 and file.split("/")[1] not in NOT_RUN
        }
        self._root, self._files = root, _Texts(self._texts)
        self._tests = {file: dict(_tests_of(text)) for file, text in self._texts.items()}
        self._every = _Texts(
            {f"{file}::{n}": text for file, of in self._tests.items() for n, text in of.items()}
        )

    def of(self, file: str, function: str) -> list[str]:
        """Return the tests that are run for a change of a function, in the order of running."""
        source = (self._root / file).read_text(encoding="utf-8")
        parts = [
            ast.get_source_segment(source, node) or ""
            for name, node in functions(ast.parse(source))
            if f"{function}.".startswith(f"{name}.")
        ]
        own, words = _words("\n".join(parts)), _words("\n".join([source, *parts * WEIGHT]))
        found = self._every.nearest(own, TESTS)
        for test in self._files.nearest(words, FILES):
            if test in LONG:
                found += [f"{test}::{n}" for n in _Texts(self._tests[test]).nearest(words, OF_LONG)]
            else:
                found.append(test)
        return list(dict.fromkeys(found))


def _tests_of(text: str) -> Iterator[tuple[str, str]]:
    """Yield each test of a file with its source."""
    for node in ast.parse(text).body:
        if isinstance(node, ast.FunctionDef) and node.name.startswith("test_"):
            yield node.name, ast.get_source_segment(text, node) or ""


# -- running them


def judged(mutant: Mutant, tests: Sequence[str], copy: Path, seconds: float) -> tuple[str, str]:
    """Return ``caught``, ``survived`` or ``unfinished``, and the test that failed.

    Args:
        mutant: the mutant.
        tests: the test files to run.
        copy: a copy of the repository, which is as it was afterwards.
        seconds: the longest time that the tests may take.
    """
    if not tests:
        return "survived", ""
    file = copy / mutant.file
    before = file.read_text(encoding="utf-8")
    file.write_text(mutant.source, encoding="utf-8")
    package = "tests/" + mutant.file.split("/")[1]
    try:
        code, output = run_tests(copy, tests, seconds)
        if code in (0, 5) and (copy / package).is_dir() and (copy / "tests/long.txt").is_file():
            left_out = [test for test in tests if test.startswith("--deselect")]
            code, output = run_tests(copy, [package, "--quick", *left_out], seconds)
    finally:
        file.write_text(before, encoding="utf-8")
    if code is None:
        return "unfinished", ""
    failed = re.findall(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", output, re.MULTILINE)
    # 5: no test was collected, for they are all slow.
    return ("survived", "") if code in (0, 5) else ("caught", failed[0] if failed else "")


def unsound(copy: Path, failed: Sequence[str]) -> set[str]:
    """Return the tests that fail without any mutant, too; what they catch is judged again."""
    tests = sorted({test for test in failed if "::" in test})
    if not tests:
        return set()
    _, output = run_tests(copy, tests, None, first=False)
    return set(re.findall(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", output, re.MULTILINE))


def score(results: Sequence[str]) -> dict[str, float]:
    """Return how many of the mutants that a test could notice were caught, with Wilson's interval.

    Args:
        results: the result of each mutant; a mutant whose tests did not finish is not caught.
    """
    counted = [result for result in results if result in ("caught", "survived", "unfinished")]
    caught, total = counted.count("caught"), len(counted)
    if not total:
        return {"caught": 0, "of": 0, "low": 0.0, "high": 1.0}
    interval = binomtest(caught, total).proportion_ci(method="wilson")
    return {"caught": caught, "of": total, "low": interval.low, "high": interval.high}


def main() -> int:
    """Run the mutants that were asked for."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="chooses the mutants; default 1")
    parser.add_argument("--number", type=int, default=40, help="how many; default 40")
    parser.add_argument("--package", default="", help="a folder in gatekit, as compare/stats")
    parser.add_argument("--jobs", type=int, default=1, help="how many at a time; default 1")
    parser.add_argument("--seconds", type=float, default=300, help="for each mutant's tests")
    parser.add_argument("--list", action="store_true", help="list mutants and tests; run nothing")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    asked = parser.parse_args()
    if not (ROOT / "gatekit" / asked.package).is_dir():
        parser.error(f"--package {asked.package}: gatekit has no such folder")
    reasons = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    picked, tests = chosen(ROOT, asked.seed, asked.number, asked.package), Tests(ROOT)
    if asked.list:
        for mutant in picked:
            _print(_told(mutant, "", tests.of(mutant.file, mutant.function)))
        return 0
    results = {
        mutant.id: ("equivalent", reasons[mutant.id]) for mutant in picked if mutant.id in reasons
    }
    left_out: list[str] = []
    copies = [copied() for _ in range(max(1, asked.jobs))]
    try:
        free = [Path(copy.name, "copy") for copy in copies]

        def run(mutant: Mutant) -> None:
            place = free.pop()
            try:
                found = [*tests.of(mutant.file, mutant.function), *left_out]
                results[mutant.id] = judged(mutant, found, place, asked.seconds)
            finally:
                free.append(place)
            if not asked.json:
                result, test = results[mutant.id]
                _print(f"{result}: {mutant.file}:{mutant.line} {mutant.kind} {test}".rstrip())

        waiting = [mutant for mutant in picked if mutant.id not in results]
        while waiting:
            with ThreadPoolExecutor(asked.jobs) as pool:
                list(pool.map(run, waiting))
            failing = unsound(free[0], [results[mutant.id][1] for mutant in waiting])
            left_out += [f"--deselect={test}" for test in sorted(failing)]
            waiting = [mutant for mutant in waiting if results[mutant.id][1] in failing]
    finally:
        for copy in copies:
            copy.cleanup()
    if asked.json:
        _print(json.dumps(_data(picked, results, asked.seed), indent=2))
    else:
        _print(_report(picked, results))
    return 0


Results = dict[str, tuple[str, str]]


def _data(picked: Sequence[Mutant], results: Results, seed: int) -> dict[str, object]:
    listed = [
        {
            "id": mutant.id,
            **{n: getattr(mutant, n) for n in ("file", "function", "line", "kind")},
            **{n: getattr(mutant, n) for n in ("before", "after")},
            "result": results[mutant.id][0],
            "why": results[mutant.id][1],
        }
        for mutant in picked
    ]
    return {"seed": seed, "score": _scores(picked, results), "mutants": listed}


def _scores(picked: Sequence[Mutant], results: Results) -> dict[str, dict[str, float]]:
    packages: dict[str, list[str]] = {}
    for mutant in picked:
        packages.setdefault(mutant.package, []).append(results[mutant.id][0])
    total = [result for several in packages.values() for result in several]
    return {name: score(several) for name, several in {**packages, "all": total}.items()}


def _told(mutant: Mutant, result: str, more: Sequence[str]) -> str:
    lines = [
        f"{result}{': ' if result else ''}{mutant.file}:{mutant.line} {mutant.kind}",
        f"    {mutant.function}",
        *(f"  - {line}" for line in textwrap.wrap(mutant.before, 74)),
        *(f"  + {line}" for line in textwrap.wrap(mutant.after, 74)),
        *(f"    {line}" for text in more if text for line in textwrap.wrap(text, 75)),
    ]
    return "\n".join(lines)


def _report(picked: Sequence[Mutant], results: Results) -> str:
    lines = [f"{'package':12} {'caught':>9}   95 % interval"]
    for name, of in _scores(picked, results).items():
        share = f"{of['caught']} of {of['of']}"
        lines.append(f"{name:12} {share:>9}   {100 * of['low']:.0f} to {100 * of['high']:.0f} %")
    for mutant in picked:
        result, why = results[mutant.id]
        if result != "caught":
            lines.append("\n" + _told(mutant, result, [mutant.id, why]))
    return "\n".join(lines)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
