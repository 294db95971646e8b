"""Every refusal that the tests provoke, as data: where it was asked for, with what, and its class.

``corpus.jsonl`` has a line for each: the entry, its arguments, the class, and the place and kind of
what is wrong. It keeps a refusal from being lost when the code that finds it is rewritten.
To record the refusals of more tests, run in the repository::

    PYTHONPATH=tests/faults pytest -p corpus --record tests/study/test_config.py

A line with ``entry`` and ``given`` may also be added by hand, such as lines of Python, or a command
in a folder with files.

``python tests/faults/corpus.py`` writes the file again from what is refused now, and
``messages.txt``, which has a message from each place of the code that refuses something, and each
wording of it. A sentence that is changed on purpose changes that file, and is read in its diff.
"""

from __future__ import annotations

import ast
import contextlib
import json
import os
import re
import sys
import tempfile
import traceback
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pytest

FILE = Path(__file__).with_name("corpus.jsonl")
MESSAGES = Path(__file__).with_name("messages.txt")
ROOT = Path(__file__).resolve().parents[2]
WORK = "gatekit-corpus-"
"""The beginning of the names of folders in which commands and lines of Python are run."""
MOST = 400
"""The most characters of an input that is kept."""

BASE: dict[str, Any] = {
    "cell": {"name": "lstm"},
    "task": {"name": "adding"},
    "optimizer": {"name": "adam", "learning_rate": 0.001},
    "trainer": {"epochs": 3, "batch": 8},
}
"""A configuration that is allowed; a line of the corpus has only what differs."""


def entries(layers: bool = True) -> dict[str, tuple[Any, Callable[..., object]]]:
    """Return each function whose refusals are recorded, and how to call it with plain data."""
    from seams import (
        Components,
        build,
        command,
        config,
        line,
        parse,
        read_block,
        read_cell,
        read_output_unit,
    )
    from seams import cli_main as main
    from seams import load_components as load
    from seams import study_options as options
    from seams import words_of_keys as words_of

    from gatekit import registry

    known = registry.catalogue()

    def graph(spec: Any, units: int, features: int, output_unit: Any) -> object:
        read = read_output_unit(output_unit, known)
        return build(read_cell(spec, known), units, features, read)

    def parsed(text: object, sizes: bool = False) -> object:
        return parse(text, known.functions, sizes)

    return {
        "config": (config.validate, config.validate),
        "words": (line.overrides, line.overrides),
        "train": (command._read, command._read),
        "call": (words_of, words_of),
        "launcher": (options.read_options, options.read_options),
        "command": (main._dispatch, main._dispatch),
        "task": (Components.task, load().task),
        "block": (read_block, lambda config: read_block(config, known)),
        "cell": (read_cell, lambda config: read_cell(config, known)),
        "unit": (read_output_unit, lambda config: read_output_unit(config, known)),
        "graph": (build, graph),
        "equation": (parse, parsed),
        "folder": (_command, _command),
        "python": (_python, _python),
    } | ({"layer": _layer(), "keras": (_python, _python)} if layers else {})


@contextlib.contextmanager
def _in_folder(files: Mapping[str, str]) -> Iterator[None]:
    """Work in a new folder with some files, and with a study of two cells and two seeds."""
    from compare.synthetic import write_study

    # Its name is new, because what is registered is looked up once for each working folder.
    with tempfile.TemporaryDirectory(prefix=WORK) as folder, contextlib.chdir(folder):
        write_study(Path("experiments"), {"lstm": (8.0, 8.2), "gru": (9.0, 9.2)})
        for name, text in files.items():
            Path(name).parent.mkdir(parents=True, exist_ok=True)
            Path(name).write_text(text, encoding="utf-8")
        yield


def _command(argv: list[str], files: Mapping[str, str] = MappingProxyType({})) -> None:
    """Run a command in a folder with some files."""
    from seams import cli_main as main

    with _in_folder(files):
        main._dispatch(argv)


def _python(code: str, files: Mapping[str, str] = MappingProxyType({})) -> None:
    """Run lines of Python in such a folder; they know gatekit's names, and ``built``."""
    import seams

    import gatekit

    def built(gate: Any = "tanh", unit: Any = "hidden", **more: Any) -> object:
        """Build a cell with this gate, this output unit, and these further keys."""
        usual = {"name": "mine", "gates": {"g": gate}, "equations": {"h": "g"}, "emits": "h"}
        return seams.cell(usual | more, output_unit=unit)

    # These import TensorFlow; a line that needs one writes gatekit.RNN.
    slow = ("RNN", "BlockLayer", "Cell", "convert")
    names = {name: getattr(gatekit, name) for name in gatekit.__all__ if name not in slow}
    with _in_folder(files):
        exec(code, names | {"built": built, "gatekit": gatekit, "__name__": "script"})


def _layer() -> tuple[Any, Callable[..., object]]:
    from gatekit import RNN

    return RNN.__init__, RNN


def lines() -> Iterator[dict[str, Any]]:
    """Yield the lines of the corpus."""
    for line in FILE.read_text(encoding="utf-8").splitlines():
        yield json.loads(line)


def refusal(call: Callable[..., object], entry: str, given: Mapping[str, Any]) -> Any:
    """Return the error of a call; None if it is not refused."""
    from gatekit import GatekitError

    arguments = dict(given)
    if entry == "config":
        arguments = {"data": changed(BASE, given)}
    more = arguments.pop("*", {})
    try:
        call(**arguments, **more)
    except GatekitError as error:
        return error
    return None


def changed(base: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return a configuration with some keys replaced; a key with ``~`` before it is removed."""
    data = {key: value for key, value in base.items() if f"~{key}" not in given}
    return data | {key: value for key, value in given.items() if key[:1] != "~"}


def told(error: Any, entry: str, given: Mapping[str, Any]) -> dict[str, str]:
    """Return the class of an error, and the place and kind that it names."""
    fault, message = getattr(error, "fault", None), str(error)
    if fault is not None:
        return {"class": type(error).__name__, "place": str(fault.place), "kind": fault.kind.value}
    start = re.match(r"(--[\w-]+|[a-z_]\w*(?:[./]\w+)*)(?=[ =:(])", message)
    named = start is not None and entry != "equation" and _last(start[1]) in json.dumps(given)
    kind = next((kind for kind, words in _KINDS.items() if re.search(words, message)), "refused")
    return {
        "class": type(error).__name__,
        "place": start[1] if start and named else "",
        "kind": kind,
    }


def _last(place: str) -> str:
    return re.split(r"[./]", place)[-1]


_KINDS = {
    "syntax": r"\n.*\^",
    "unknown": r"is not a key|no such|has no option|there is no|no (gate|function|command|task) ",
    "missing": r"is missing|are missing|is required|needs a value|both null",
    "conflict": r"exclude each other|remove it|remove seed|cannot be swept|given twice|no effect",
    "wrong": r"is not allowed|should be|is expected|must be",
}
"""How today's sentences show the kind of a refusal that is not a fault yet."""


def write(found: list[dict[str, Any]]) -> None:
    """Write the corpus in a fixed order."""
    texts = {json.dumps(line, ensure_ascii=True): None for line in found}
    FILE.write_text("".join(f"{text}\n" for text in sorted(texts)), encoding="utf-8")


# --- places ---------------------------------------------------------------------


def places(folder: Path) -> Iterator[tuple[str, int]]:
    """Yield the file and line of each call that makes a fault: of `Fault`, or of a maker.

    A maker is a function that calls one, and returns a fault or an error or always raises one.
    """
    calls: dict[Path, list[tuple[str, int]]] = {}
    functions: list[tuple[Path, str, set[str]]] = []
    for file in sorted(folder.rglob("*.py")):
        tree = ast.parse(file.read_text(encoding="utf-8"))
        calls[file] = [*_calls(tree)]
        for node in ast.walk(tree):
            if isinstance(node, ast.FunctionDef) and node.returns is not None:
                public = node.name[0] != "_" and node in tree.body
                if ast.unparse(node.returns).endswith(("Fault", "Error", "NoReturn")):
                    name = node.name if public else f"{file}:{node.name}"
                    functions.append((file, name, {called for called, _ in _calls(node)}))
    makers, before = {"Fault"}, 0
    while len(makers) > before:
        before = len(makers)
        for file, name, called in functions:
            if called & makers or {f"{file}:{each}" for each in called} & makers:
                makers.add(name)
    for file, found in calls.items():
        for name, line in found:
            if name in makers or f"{file}:{name}" in makers:
                yield str(file), line


@contextlib.contextmanager
def watched() -> Iterator[set[tuple[str, int]]]:
    """Return the file and line of all code that makes a fault, or calls what makes it."""
    from seams import Fault

    reached: set[tuple[str, int]] = set()
    made: Any = Fault.__init__

    def init(self: Any, *args: Any, **more: Any) -> None:
        made(self, *args, **more)
        frame = sys._getframe(1)
        while frame is not None:
            reached.add((frame.f_code.co_filename, frame.f_lineno))
            frame = frame.f_back

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(Fault, "__init__", init)
        yield reached


def _calls(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        match node:
            case ast.Call(func=ast.Name(id=name)):
                yield name, node.lineno
            case ast.Call(func=ast.Attribute(value=ast.Name(id="self"), attr=name)):
                yield name, node.lineno


# --- messages -------------------------------------------------------------------


def shown(error: Any) -> str:
    """Return a message without the working folder and the numbers that Keras gives to layers."""
    message = re.sub(rf"[^ '\"]*/{WORK}\w+", "FOLDER", str(error))
    message = re.sub(r"the layer '([a-z]+)_\d+'", r"the layer '\1'", message)
    return message.replace(os.getcwd(), "FOLDER").rstrip()


def messages() -> Iterator[tuple[str, dict[str, Any], str]]:
    """Yield the entry, the input and the message of each case of ``messages.txt``."""
    for case in MESSAGES.read_text(encoding="utf-8").split("\n\n> ")[1:]:
        head, _, message = case.rstrip("\n").partition("\n")
        entry, _, given = head.partition(" ")
        yield entry, json.loads(given), message


def write_messages(refused: list[tuple[dict[str, Any], Any, set[tuple[str, int]]]]) -> None:
    """Write one message for each place that refuses something, and for each wording.

    A message that is not the same everywhere is left out.
    """
    found: dict[object, str] = {}
    shown_of: set[object] = set()
    for line, error, reached in refused:
        frames = traceback.extract_tb(error.__traceback__)[-2:]
        origin = line["entry"], line["kind"], *((f.filename, f.lineno) for f in frames)
        message, wording = shown(error), words(error.fault)
        if _OTHERS.search(message):
            continue
        if origin not in found or not {wording, *reached} <= shown_of:
            given = json.dumps(line["given"], ensure_ascii=True)
            case = origin if origin not in found else (origin, given)
            found[case] = f"\n\n> {line['entry']} {given}\n{message}"
            shown_of |= {wording, *reached}
    text = "".join(sorted(found.values()))
    head = "One message from each place that refuses something: python tests/faults/corpus.py"
    MESSAGES.write_text(f"{head}{text}\n", encoding="utf-8")


_OTHERS = re.compile(rf"\n\n|pip install|tensorboard|autocast|lists all \d|There are \d|{ROOT}")
"""What a message has that depends on other packages, plugins or the folder."""


def words(fault: Any) -> tuple[str, ...]:
    """Return the words of a fault that are the same whatever names and numbers it quotes."""
    texts = [] if fault is None else [(fault.expected,), fault.why, (fault.what,)]
    joined = ("".join(part for part in text if isinstance(part, str)) for text in texts)
    return tuple(re.sub(r"'[^']*'|`[^`]*`|[\w.]*[\d_][\w.]*|\b\w\b", "", text) for text in joined)


# --- recording ------------------------------------------------------------------


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add ``--record``."""
    parser.addoption("--record", action="store_true", help="add refusals to tests/faults/corpus")


def pytest_configure(config: pytest.Config) -> None:
    """Note every refusal from here on."""
    if not config.getoption("--record", default=False):
        return
    from gatekit import GatekitError

    known = {_code(function): name for name, (function, _) in entries().items()}
    before, found = GatekitError.__init__, {}
    config.stash[_FOUND] = found

    def init(self: Any, *args: object) -> None:
        before(self, *args)
        frame = sys._getframe(1)
        while frame is not None:
            code = frame.f_code
            if code.co_filename.startswith(f"{ROOT}/tests/") or "hypothesis" in code.co_filename:
                return
            if (name := known.get(code)) is not None:
                given = _given(name, frame.f_locals, code)
                if given is not None:
                    found.setdefault(_same(name, given), (name, given))
            frame = frame.f_back

    GatekitError.__init__ = init  # type: ignore[method-assign]


_FOUND = pytest.StashKey[dict[str, tuple[str, dict[str, Any]]]]()


def _same(name: str, given: Mapping[str, Any]) -> str:
    """Return what two inputs have in common if one of them is enough.

    An option is checked in the same way in each task and block that has it.
    """
    options = given.get("config") if name in ("task", "block") else None
    if isinstance(options, Mapping):
        given = {key: value for key, value in options.items() if key not in ("name", "kind")}
    return json.dumps([name, given], sort_keys=True)


def _code(function: Any) -> Any:
    while hasattr(function, "__wrapped__"):
        function = function.__wrapped__
    return function.__code__


def _given(name: str, values: Mapping[str, Any], code: Any) -> dict[str, Any] | None:
    """Return the arguments of a call as plain data; None if they are not plain, or long."""
    count = code.co_argcount + code.co_kwonlyargcount
    given = {key: values.get(key) for key in code.co_varnames[:count] if key != "self"}
    if code.co_flags & 8:
        given["*"] = values.get(code.co_varnames[count])
    for key in ("catalogue", "functions"):
        given.pop(key, None)
    if name == "graph":
        given |= {key: given[key].canonical() for key in ("spec", "output_unit")}
    if name == "config":
        from seams import DEFAULTS

        data, usual = given["data"], {**DEFAULTS, **BASE}
        given = {key: value for key, value in data.items() if usual.get(key, BASE) != value}
        given |= {f"~{key}": True for key in BASE if key not in data}
    try:
        text = json.dumps(given, allow_nan=True)
    except (TypeError, ValueError):
        return None
    same = json.loads(text)
    return same if len(text) <= MOST and _plain(given, same) else None


def _plain(value: Any, read: Any) -> bool:
    """Return whether data is what it is when it is read back."""
    if isinstance(value, Mapping):
        return all(isinstance(k, str) and _plain(v, read.get(k)) for k, v in value.items())
    if isinstance(value, (list, tuple)):
        return all(map(_plain, value, read))
    return value is None or type(value) in (bool, int, float, str)


def pytest_unconfigure(config: pytest.Config) -> None:
    """Add to the corpus what was found; a refusal that cannot be repeated is left out."""
    found = config.stash.get(_FOUND, {})
    ways = {name: call for name, (_, call) in entries().items()} if found else {}
    new = [*lines()] if FILE.exists() else []
    known = {_same(line["entry"], line["given"]) for line in new}
    for same, (name, given) in found.items():
        error = None if same in known else refusal(ways[name], name, given)
        if error is not None:
            new.append({"entry": name, "given": given, **told(error, name, given)})
    if found:
        write(new)


if __name__ == "__main__":
    sys.path.append(str(ROOT / "tests"))
    ways = {name: call for name, (_, call) in entries().items()}
    before = [*lines()]
    os.environ["GATEKIT_TRACEBACK"] = "full"  # the place of the code
    os.chdir(tempfile.mkdtemp())  # no study or plugin of this folder affects what is refused
    known, again = {*places(ROOT / "gatekit")}, []
    for line in before:
        with watched() as reached:
            error = refusal(ways[line["entry"]], line["entry"], line["given"])
        if error is None:
            print("no longer refused:", line["entry"], line["given"])  # noqa: T201
        else:
            new = {**line, **told(error, line["entry"], line["given"])}
            again.append((new, error, reached & known))
    write([line for line, *_ in again])
    write_messages(sorted(again, key=lambda each: json.dumps(each[0])))
