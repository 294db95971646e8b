"""A plugin that does what none should costs itself only, and is reported."""

import json
import os
import random
import signal
import subprocess
import sys
import warnings

import numpy
import processes
import pytest
from seams import discovery, main

from gatekit import registry

GATE = """
from gatekit import Gate, hookimpl, ops
class Mine(Gate):
    '''``sigmoid(pre)``'''
    def activate(self, pre):
        return ops.sigmoid(pre)
@hookimpl
def gatekit_gates():
    {body}
    return {{"mine": Mine}}
"""
UNPRINTABLE = """
class Bad({base}):
    def __str__(self):
        {body}
    __repr__ = __str__
raise Bad("x")
"""
HOOK = "from gatekit import hookimpl\n@hookimpl\ndef gatekit_{name}():\n    {body}\n"

BROKEN = {
    # what is raised at import
    "BaseException": ("raise BaseException('no')", "BaseException: no"),
    "GeneratorExit": ("raise GeneratorExit", "GeneratorExit"),
    "KeyboardInterrupt": ("raise KeyboardInterrupt", "KeyboardInterrupt"),
    "SystemExit": ("raise SystemExit(0)", "SystemExit: 0"),
    "sys.exit": ("import sys\nsys.exit()", "SystemExit"),
    "StopIteration": ("raise StopIteration", "StopIteration"),
    "MemoryError": ("raise MemoryError", "MemoryError"),
    "RecursionError": ("def f():\n    f()\nf()", "RecursionError"),
    "group": ("raise BaseExceptionGroup('g', [KeyboardInterrupt()])", "BaseExceptionGroup: g"),
    "cause": (
        "try:\n    1 / 0\nexcept Exception as e:\n    raise GeneratorExit from e",
        "Generator",
    ),
    "long": ("raise ValueError('x' * 10_000_000)", "ValueError: xxx"),
    "long line": (f"1 / 0  # {'x' * 10_000}", "ZeroDivisionError: division by zero"),
    "long syntax": (f"1 +  # {'x' * 10_000}", "SyntaxError: invalid syntax"),
    "ImportError": ("raise ImportError(name=5)", "ImportError"),
    "module": ("raise ModuleNotFoundError(name=object())", "ModuleNotFoundError"),
    "SyntaxError": ("raise SyntaxError(5, ('f', 'x', 3, object()))", "SyntaxError"),
    "not UTF-8": (b"x = '\xff'", "SyntaxError"),
    # exceptions that cannot be shown
    "str raises": (UNPRINTABLE.format(base="Exception", body="raise ValueError"), "Bad, whose"),
    "str exits": (UNPRINTABLE.format(base="Exception", body="raise SystemExit"), "Bad, whose"),
    "str interrupts": (
        UNPRINTABLE.format(base="BaseException", body="raise KeyboardInterrupt"),
        "Bad, whose message cannot be shown",
    ),
    "str returns a number": (UNPRINTABLE.format(base="Exception", body="return 5"), "Bad, whose"),
    "PluginError whose str raises": (
        "from gatekit.cell.errors import PluginError"
        + UNPRINTABLE.format(base="PluginError", body="raise GeneratorExit"),
        "Bad, whose message cannot be shown",
    ),
    "SyntaxError whose text raises": (
        "class Bad(SyntaxError):\n    msg = property(lambda self: 1 / 0)\nraise Bad",
        "Bad",
    ),
    # hooks
    "hook BaseException": (HOOK.format(name="gates", body="raise BaseException"), "BaseException"),
    "hook GeneratorExit": (HOOK.format(name="tasks", body="raise GeneratorExit"), "GeneratorExit"),
    "hook interrupt": (HOOK.format(name="cells", body="raise KeyboardInterrupt"), "Keyboard"),
    "hook SystemExit": (HOOK.format(name="functions", body="raise SystemExit"), "SystemExit"),
    "config_dirs": (HOOK.format(name="config_dirs", body="raise GeneratorExit"), "GeneratorExit"),
    "repr raises": (
        "class Bad:\n    def __repr__(self):\n        raise SystemExit\n"
        + HOOK.format(name="gates", body="return Bad()"),
        "SystemExit",
    ),
    "mapping raises": (
        "from collections.abc import Mapping\nclass Bad(Mapping):\n"
        "    def __getitem__(self, key):\n        raise GeneratorExit\n"
        "    def __iter__(self):\n        return iter('ab')\n"
        "    def __len__(self):\n        return 2\n"
        + HOOK.format(name="gates", body="return Bad()"),
        "GeneratorExit",
    ),
    "name that is no str": (
        "class Name(str):\n    def __eq__(self, other):\n        raise SystemExit\n"
        "    __hash__ = str.__hash__\n" + HOOK.format(name="gates", body="return {Name('a'): 1}"),
        "is not a name",
    ),
    # the module itself
    "dir raises": ("def __dir__():\n    raise GeneratorExit", "GeneratorExit"),
    "getattr raises": ("def __getattr__(name):\n    raise KeyboardInterrupt", "KeyboardInterrupt"),
    "requires_api": (
        "class Bad:\n    def __str__(self):\n        raise SystemExit\nrequires_api = Bad()",
        "SystemExit",
    ),
    "leaves sys.modules": ("import sys\ndel sys.modules[__name__]\nraise ValueError", "ValueError"),
    # it changes what is shared, and then fails
    "limit and fails": ("import sys\nsys.setrecursionlimit(200)\nraise ValueError", "ValueError"),
    "chdir and fails": ("import os\nos.chdir('/')\nraise ValueError", "ValueError"),
}

CHANGES = {
    "recursion limit": ("import sys\nsys.setrecursionlimit(300)", "changed the recursion limit"),
    "huge limit": ("import sys\nsys.setrecursionlimit(10**9)", "changed the recursion limit"),
    "chdir": ("import os\nos.chdir('/')", "changed the working folder"),
    "environ": ("import os\nos.environ['PATH'] = ''", "changed environment variables"),
    "clear": ("import os\nos.environ.clear()", "changed environment variables"),
    "sys.path": ("import sys\nsys.path.insert(0, '/nowhere')", "changed sys.path"),
    "new sys.path": ("import sys\nsys.path = []", "changed sys.path"),
    # a seed that no other test sets, so that it changes the state
    "random": ("import random\nrandom.seed(271828)", "Python's global random generator"),
    "numpy.random": ("import numpy\nnumpy.random.seed(271828)", "NumPy's global random generator"),
    "seterr": ("import numpy\nnumpy.seterr(all='raise')", "changed NumPy's handling of errors"),
    "SIGINT": (
        "import signal\nsignal.signal(signal.SIGINT, signal.SIG_IGN)",
        "changed a signal's handler",
    ),
    "SIGTERM": (
        "import signal\nsignal.signal(signal.SIGTERM, lambda *_: None)",
        "changed a signal's handler",
    ),
    "warnings": ("import warnings\nwarnings.simplefilter('error')", None),
    "stdout": ("import sys\nsys.stdout = sys.stderr = None", None),
    "thread": (
        "import threading\n"
        "threading.Thread(target=threading.Event().wait, args=(60,), daemon=True).start()",
        "started a thread, which ends with the command",
    ),
}


@pytest.fixture
def good(gate_file):
    """A plugin that works, loaded after all whose names begin with a letter before z."""
    return gate_file("plugins/zz_good.py")


def shared():
    """Return what a plugin could leave changed."""
    return [
        sys.getrecursionlimit(),
        os.getcwd(),
        dict(os.environ),
        list(sys.path),
        random.getstate(),
        numpy.random.get_state()[1].tolist(),
        numpy.geterr(),
        [signal.getsignal(number) for number in signal.valid_signals()],
        list(warnings.filters),
        (sys.stdout, sys.stderr),
    ]


def as_before(call):
    """Call, and require that nothing that is shared has changed."""
    before = shared()
    value = call()
    assert shared() == before
    return value


def listed(capsys):
    """Return what ``gatekit plugins --json`` lists, by name."""
    capsys.readouterr()
    assert main(["plugins", "--json"]) == 0
    entries = {row["name"]: row for row in json.loads(capsys.readouterr().out)}
    assert entries["zz_good"]["state"] == "loaded"
    return entries


def test_plugins_that_fail_are_left_out_each_with_its_reason(write, good, capsys):
    for number, (source, _) in enumerate(BROKEN.values()):
        data = source if isinstance(source, bytes) else f"{source}\n".encode()
        write(f"plugins/bad{number}.py", "").write_bytes(data)
    assert {"halved", "forget"} <= set(as_before(registry.catalogue).gates)
    entries = listed(capsys)
    for number, (case, (_, reason)) in enumerate(BROKEN.items()):
        entry = entries[f"bad{number}"]
        assert (case, entry["state"]) == (case, "broken")
        assert reason in entry["reason"], case
        assert len(entry["reason"]) < 500, case
        assert len(entry["traceback"]) <= 20_000, case


@pytest.mark.parametrize("where", ["import", "hook"])
def test_what_plugins_change_is_reverted_and_they_work(write, good, capsys, where):
    for number, (source, _) in enumerate(CHANGES.values()):
        body = "; ".join(source.splitlines()) if where == "hook" else "pass"
        gate = GATE.format(body=body).replace("mine", f"mine{number}")
        write(f"plugins/bad{number}.py", (source if where == "import" else "") + gate)
    names = {f"mine{number}" for number in range(len(CHANGES))}
    assert {"halved", "forget"} | names <= set(as_before(registry.catalogue).gates)
    entries = listed(capsys)
    for number, (case, (_, said)) in enumerate(CHANGES.items()):
        reverted = entries[f"bad{number}"]["reverted"]
        assert said is None or any(said in change for change in reverted), case


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (os.mkfifo, "it is a named pipe, not a regular file; remove"),
        (os.mkdir, "it is a folder, not a regular file"),
        (lambda path: path.symlink_to("/dev/zero"), "it is a device, not a regular file"),
        (lambda path: path.symlink_to(path), "it cannot be read"),
        (lambda path: path.symlink_to("nowhere.py"), "it cannot be read"),
    ],
)
def test_only_regular_files_are_opened(place, good, capsys, make, reason):
    make(place / "plugins" / "bad.py")
    assert "halved" in registry.catalogue().gates
    # looks into the files of broken plugins for the name
    assert reason in registry.left_out("another")
    row = next(b for b in registry.broken())
    assert reason in row.reason


def test_a_file_that_is_too_large_is_not_read(write, good, monkeypatch):
    monkeypatch.setattr(discovery, "LARGEST", 1000)
    write("plugins/bad.py", "#" * 1001)
    write("plugins/just.py", "#" * 1000)
    assert "halved" in registry.catalogue().gates
    (found,) = registry.broken()
    assert "it has 1,001 bytes, but a plugin's file has at most 1,000" in found.reason
    # nor is it searched for a name that is unknown, and may be in it
    assert "it has 1,001 bytes" in registry.left_out("wanted")


def test_a_distribution_may_change_nothing_either(install, good, capsys):
    install("bad", "bad", "import os\nos.environ['A'] = 'b'\n" + GATE.format(body="pass"))
    assert {"halved", "mine"} <= set(as_before(registry.catalogue).gates)
    assert listed(capsys)["bad"]["reverted"] == ["changed environment variables"]


@pytest.mark.parametrize("error", ["BaseException", "SystemExit", "KeyboardInterrupt"])
def test_callbacks_that_raise_anything_name_the_plugin(write, error):
    write("plugins/bad.py", HOOK.format(name="callbacks", body=f"raise {error}"))
    with pytest.raises(registry.loading.PluginError, match=f"gatekit_callbacks: {error}"):
        registry.callbacks({})


def test_what_the_hook_of_callbacks_changes_is_reverted_and_listed(write):
    body = "import os; os.environ['A'] = 'b'; return []"
    write("plugins/bad.py", HOOK.format(name="callbacks", body=body))
    as_before(lambda: registry.callbacks({}))
    assert registry.reverted()["bad"] == ("changed environment variables",)


HOSTILE = {
    **{f"b{i}": source for i, (source, _) in enumerate(BROKEN.values()) if isinstance(source, str)},
    "executor": "from concurrent.futures import ThreadPoolExecutor\nimport time\n"
    "ThreadPoolExecutor().submit(time.sleep, 1000)\n",
    "thread": "import threading, time\nthreading.Thread(target=time.sleep, args=(1000,)).start()\n",
    "fork": "import os\nos.fork()\n",
}


def command(place, *words, **options):
    """Start gatekit as a process, with the signals of a terminal."""
    code = "import sys; from gatekit.cli.main import main; sys.exit(main())"
    return subprocess.Popen(
        [sys.executable, "-c", code, *words],
        cwd=place,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
        **options,
    )


def test_all_at_once_the_command_ends_with_its_own_exit_code(write, place, good):
    for name, source in HOSTILE.items():
        write(f"plugins/{name}.py", source)
    for i, (source, _) in enumerate(CHANGES.values()):
        write(f"plugins/change{i}.py", source)
    process = command(place, "plugins", "--json")
    out, err = process.communicate(timeout=120)
    assert process.returncode == 0, err
    states = {row["name"]: row["state"] for row in json.loads(out)}
    assert states["zz_good"] == "loaded"
    assert {states[f"change{i}"] for i in range(len(CHANGES))} == {"loaded"}
    assert {states[name] for name in HOSTILE if name.startswith("b")} == {"broken"}


def test_ctrl_c_while_a_plugin_is_loading_ends_with_130(write, place):
    write("plugins/slow.py", "import time\nprint('ready', flush=True)\ntime.sleep(1000)\n")
    process = command(place, "plugins")
    assert process.stderr.readline() == "ready\n"
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=120)
    assert (process.returncode, out, err) == (130, "", "gatekit: interrupted\n")


def test_what_was_printed_is_kept_where_a_thread_of_a_plugin_hangs(write, place):
    """Python flushes a file at its end, which a process that is left at once does not reach."""
    write("plugins/bad.py", CHANGES["thread"][0] + GATE.format(body="pass"))
    code = (
        "import sys; from gatekit import registry; registry.catalogue();"
        "print('printed'); registry.guard.leave(3)"
    )
    where = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}
    command = [sys.executable, "-c", code]
    done = processes.run(command, cwd=place, env=where, capture_output=True, text=True)
    assert (done.returncode, done.stdout, done.stderr) == (3, "printed\n", "")
