"""Change functions of gatekit one at a time, and count the changes that the tests notice.

    python -m tests.mutate --seed 1 --number 8 --package runs [--near] [--jobs 2] [--json]

A seed chooses functions, one change for each (a mutant), and nothing else: the same seed chooses
the same mutants until the code changes. Each mutant is written into a copy of the repository, where
the quick tests run until one fails: the eight files whose words are most like those of the
function, then its package's folder, then all that ``make test`` runs (not with ``--near``).

A mutant is caught if a test fails, which is pytest's exit code 1. Every other code but 0, and tests
that take too long, are errors of the run: they are shown, and counted apart. A test that fails
without the mutant, too, is left out. Read each survivor: add a test that notices it, or, if no test
could, its id and the reason to tests/mutants.toml, which leaves it out of the score.
"""

from __future__ import annotations

import argparse
import ast
import dataclasses
import hashlib
import json
import os
import random
import re
import shutil
import subprocess
import sys
import tempfile
import textwrap
import tomllib
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

# To run as a file and as a module alike.
sys.path.insert(0, str(Path(__file__).parent))

import processes
from scipy.stats import binomtest

ROOT = Path(__file__).parents[1]
EQUIVALENT = Path(__file__).with_name("mutants.toml")
LEFT_OUT = shutil.ignore_patterns(".*", "build", "dist", "*.egg-info", "__pycache__")
NEAREST = 8
"""How many files of tests run first."""

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


def _words(text: str) -> set[str]:
    parts = re.findall("[a-z]{3,}|[A-Z][a-z]{2,}|[A-Z]{3,}", text)
    return {part.lower() for part in parts}


def nearest(root: Path, mutant: Mutant) -> list[str]:
    """Return the files of tests that share most words with a function; rare words count more."""
    files = {
        path.relative_to(root).as_posix(): _words(path.read_text(encoding="utf-8"))
        for path in sorted((root / "tests").rglob("test_*.py"))
    }
    holders = Counter(word for words in files.values() for word in words)
    tree = ast.parse((root / mutant.file).read_text(encoding="utf-8"))
    (function,) = (node for name, node in functions(tree) if name == mutant.function)
    own = _words(ast.unparse(function) + mutant.function) | _words(mutant.file)

    def near(file: str) -> float:
        return sum(1 / holders[word] for word in own & files[file]) / len(files[file]) ** 0.5

    return sorted(files, key=near, reverse=True)[:NEAREST]


def stages(root: Path, mutant: Mutant, near: bool) -> list[list[str]]:
    """Return the arguments of pytest of each run, until one fails."""
    found = [nearest(root, mutant)]
    folder = f"tests/{Path(mutant.file).parts[1].removesuffix('.py')}"
    if (root / folder).is_dir():
        found.append([folder])
    return found if near else [*found, ["tests"]]


# -- running them


def copied() -> tempfile.TemporaryDirectory[str]:
    """Copy the repository to the folder ``copy`` inside a temporary folder."""
    place = tempfile.TemporaryDirectory(prefix="mutants-")
    copy = Path(place.name, "copy")
    shutil.copytree(ROOT, copy, ignore=LEFT_OUT)
    # An installed gatekit would bring its own plugins and configuration.
    for name in ("plugins", "conf"):
        (copy / "gatekit" / name).symlink_to(copy / name)
    return place


def run_tests(
    copy: Path, tests: Sequence[str], seconds: float | None = None
) -> tuple[int | None, str]:
    """Run tests in a copy of the repository until one fails; return pytest's exit code and output.

    Args:
        copy: the copy.
        tests: arguments of pytest.
        seconds: after this time, all processes are killed and the code is None.
    """
    env = {name: value for name, value in os.environ.items() if name != "CI"}
    env |= {"PYTHONPATH": str(copy)}
    command = [sys.executable, "-m", "pytest", "-q", "-x", "-p", "no:cacheprovider", *tests]
    out = {"stdout": subprocess.PIPE, "stderr": subprocess.STDOUT, "text": True}
    with processes.started(command, cwd=copy, env=env, **out) as process:
        try:
            output, _ = process.communicate(timeout=seconds)
        except subprocess.TimeoutExpired:
            return None, ""
    return process.returncode, output


class Judge:
    """Runs tests on mutants in a copy of the repository, which is as it was after each.

    Args:
        copy: the copy.
        options: further arguments of pytest.
        seconds: the longest time that a run of tests may take.
    """

    def __init__(self, copy: Path, options: Sequence[str] = (), seconds: float | None = None):
        self.copy, self.options, self.seconds = copy, options, seconds
        self.unsound: list[str] = []

    def result(self, mutant: Mutant, runs: Sequence[Sequence[str]]) -> tuple[str, str]:
        """Return ``caught``, ``survived`` or ``error``, and the test that failed or what happened.

        Args:
            mutant: the mutant.
            runs: arguments of pytest, for one run after the other.
        """
        left = [list(tests) for tests in runs]
        while left:
            code, output = self._run_on(mutant, left[0])
            failed = re.search(r"^(?:FAILED|ERROR) (.*?)(?: - .*)?$", output, re.MULTILINE)
            if code == 0:
                del left[0]
            elif code != 1 or failed is None:
                last = output.strip().rpartition("\n")[2]
                ended = f"pytest ended with {code}: {last}"
                return "error", "the tests took too long" if code is None else ended
            elif run_tests(self.copy, [failed[1]], self.seconds)[0] == 0:
                return "caught", failed[1]
            elif failed[1] in self.unsound:
                return "error", f"{failed[1]} fails without the mutant, too"
            else:
                self.unsound.append(failed[1])
        return "survived", ""

    def _run_on(self, mutant: Mutant, tests: Sequence[str]) -> tuple[int | None, str]:
        file = self.copy / mutant.file
        before = file.read_text(encoding="utf-8")
        file.write_text(mutant.source, encoding="utf-8")
        deselected = [f"--deselect={test}" for test in self.unsound]
        try:
            return run_tests(self.copy, [*tests, *self.options, *deselected], self.seconds)
        finally:
            file.write_text(before, encoding="utf-8")


def score(results: Sequence[str]) -> dict[str, float]:
    """Return how many mutants were caught of those that were judged, with Wilson's interval.

    Args:
        results: the result of each mutant; errors and equivalent mutants are counted apart.
    """
    caught, errors = results.count("caught"), results.count("error")
    total = caught + results.count("survived")
    found: dict[str, float] = {"caught": caught, "of": total, "errors": errors}
    if not total:
        return found | {"low": 0.0, "high": 1.0}
    interval = binomtest(caught, total).proportion_ci(method="wilson")
    return found | {"low": interval.low, "high": interval.high}


def main() -> int:
    """Run the mutants that were asked for; return 1 if there were errors."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seed", type=int, default=1, help="chooses the mutants; default 1")
    parser.add_argument("--number", type=int, default=8, help="how many; default 8")
    parser.add_argument("--package", default="", help="a folder in gatekit, as compare/stats")
    parser.add_argument("--jobs", type=int, default=1, help="processes of pytest; default 1")
    parser.add_argument("--seconds", type=float, default=1200, help="for each run of tests")
    parser.add_argument("--near", action="store_true", help="not all that make test runs")
    parser.add_argument("--list", action="store_true", help="list mutants and tests; run nothing")
    parser.add_argument("--json", action="store_true", help="print the results as JSON")
    asked = parser.parse_args()
    if not (ROOT / "gatekit" / asked.package).is_dir():
        parser.error(f"--package {asked.package}: gatekit has no such folder")
    reasons = tomllib.loads(EQUIVALENT.read_text(encoding="utf-8"))["equivalent"]
    picked = chosen(ROOT, asked.seed, asked.number, asked.package)
    if asked.list:
        for mutant in picked:
            _print(_told(mutant, "", nearest(ROOT, mutant)))
        return 0
    results: dict[str, tuple[str, str]] = {}
    with copied() as place:
        copy = Path(place, "copy")
        parallel = ["-n", str(asked.jobs), "--dist", "loadfile"] if asked.jobs > 1 else []
        judge = Judge(copy, ["--quick", *parallel], asked.seconds)
        for mutant in picked:
            if mutant.id in reasons:
                results[mutant.id] = ("equivalent", reasons[mutant.id])
            else:
                results[mutant.id] = judge.result(mutant, stages(copy, mutant, asked.near))
            if not asked.json:
                _print(_told(mutant, *results[mutant.id]))
    total = score([result for result, _ in results.values()])
    if asked.json:
        _print(json.dumps({"seed": asked.seed, "score": total, "mutants": _data(picked, results)}))
    else:
        share = f"{100 * total['low']:.0f} to {100 * total['high']:.0f} %"
        _print(f"{total['caught']} of {total['of']} caught ({share}), {total['errors']} errors")
    return int(total["errors"] > 0)


def _data(picked: Sequence[Mutant], results: dict[str, tuple[str, str]]) -> list[dict[str, Any]]:
    names = ("id", "file", "function", "line", "kind", "before", "after")
    return [
        {name: getattr(mutant, name) for name in names}
        | dict(zip(("result", "why"), results[mutant.id], strict=True))
        for mutant in picked
    ]


def _told(mutant: Mutant, result: str, why: str | Sequence[str] = "") -> str:
    lines = [
        f"{result}{': ' if result else ''}{mutant.file}:{mutant.line} {mutant.kind}",
        f"    {mutant.id if result == 'survived' else mutant.function}",
        *(f"  - {line}" for line in textwrap.wrap(mutant.before, 74)),
        *(f"  + {line}" for line in textwrap.wrap(mutant.after, 74)),
        *(f"    {line}" for line in ([why] if isinstance(why, str) else why) if line),
    ]
    return "\n".join(lines)


def _print(text: str) -> None:
    sys.stdout.write(f"{text}\n")
    sys.stdout.flush()


if __name__ == "__main__":
    sys.exit(main())
