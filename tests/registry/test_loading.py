"""Quarantine, duplicates, and what the registry tells of what it loaded."""

import os
import signal
import sys
import types

import processes
import pytest
from refused import at
from seams import CellError, PluginError, loading, read_cell
from seams import NameNode as Name

from gatekit import registry

CELL = {
    "gates": {"halved": {"kind": "halved"}},
    "equations": {"h": "halved * h_prev"},
    "emits": "h",
}
FAULTS = {
    "ImportError": "import a_module_that_does_not_exist\n",
    "SyntaxError": "def broken(:\n",
    "SystemExit": "raise SystemExit(3)\n",
    "exit": "import sys\nsys.exit('goodbye')\n",
    "NUL": "x = '\0'\n",
    "null-bytes-type": "import dataclasses\n@dataclasses.dataclass\nclass A:\n    x: list = []\n",
    "class-option": "from gatekit import Gate\nclass A(Gate):\n    eps: Unknown = 1\n",
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_plugin_that_fails_at_import_is_set_aside(write, gate_file, fault):
    path = write("plugins/bad.py", FAULTS[fault])
    gate_file("plugins/good.py")
    (found,) = registry.broken()
    assert (found.name, found.path, found.version) == ("bad", path, None)
    assert "Traceback" in found.traceback
    assert found.reason.split(":")[0] in found.traceback
    assert {"halved", "forget"} <= set(registry.catalogue().gates)


@pytest.mark.parametrize("fault", ["ImportError", "SystemExit"])
def test_a_broken_distribution_is_set_aside_with_its_version(install, fault):
    install("bad-gates", "bad_gates", FAULTS[fault], version="4.5")
    (found,) = registry.broken()
    assert (found.name, found.version) == ("bad_gates", "4.5")
    assert "forget" in registry.catalogue().gates


def test_entry_points_are_loaded_one_at_a_time(install, gate_file):
    install("bad-gates", "bad_gates", "raise RuntimeError('early')\n")
    install("good-gates", "good_gates", gate_file("text").read_text())
    assert "halved" in registry.catalogue().gates
    assert [b.reason for b in registry.broken()] == [
        "RuntimeError: early (site/bad_gates.py, line 1: raise RuntimeError('early'))"
    ]


def test_a_plugin_that_takes_long_is_named_meanwhile(write, monkeypatch, capsys):
    monkeypatch.setattr(loading, "SLOW", 0.01)
    write("plugins/endless.py", "import time\ntime.sleep(0.3)\n")
    registry.catalogue()
    assert "still loading plugin 'endless'" in capsys.readouterr().err


def test_a_broken_module_is_not_left_behind(write):
    write("plugins/bad.py", "raise RuntimeError\n")
    before = set(sys.modules)
    assert [b.reason for b in registry.broken()] == [
        "RuntimeError (plugins/bad.py, line 1: raise RuntimeError)"
    ]
    assert set(sys.modules) == before


INTERRUPTED = """
import os, signal
try:
    os.kill(os.getpid(), signal.SIGINT)
    while True:
        pass
{clause}
"""


@pytest.mark.parametrize("clause", ["finally:\n    pass", "except BaseException:\n    pass"])
def test_ctrl_c_interrupts_whatever_the_plugin_makes_of_it(write, clause):
    write("plugins/slow.py", INTERRUPTED.format(clause=clause))
    handler = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        with pytest.raises(KeyboardInterrupt):
            registry.catalogue()
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, handler)


@pytest.mark.parametrize("step", ["_merge", "_offer"])
def test_ctrl_c_while_a_bundled_plugin_is_loaded_leaves_nothing_half_done(place, monkeypatch, step):
    monkeypatch.setattr(loading, "_shared", loading._shared.__wrapped__)
    loading._registry.cache_clear()
    whole = loading.complete_registry()
    loading._registry.cache_clear()
    original, interrupts = getattr(loading, step), [KeyboardInterrupt()]

    def interrupted(known, plugin, *rest):
        result = original(known, plugin, *rest)
        if plugin.later and interrupts:
            raise interrupts.pop()
        return result

    monkeypatch.setattr(loading, step, interrupted)
    with pytest.raises(KeyboardInterrupt):
        loading.complete_registry()
    known = loading.complete_registry()
    loading._registry.cache_clear()
    assert known.pending == []
    assert {kind: set(named) for kind, named in known.objects.items()} == {
        kind: set(named) for kind, named in whole.objects.items()
    }
    assert set(known.plugins) == set(whole.plugins)
    assert set(known.plugins) == {name for name, _ in known.manager.list_name_plugin()}


def test_what_a_plugin_prints_stays_out_of_stdout(place, gate_file, capsys):
    path = gate_file("plugins/mine.py")
    path.write_text("print('hello')\n" + path.read_text())
    assert "halved" in registry.catalogue().gates
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "hello" in captured.err


@pytest.mark.parametrize("hook", ["gates", "config_dirs"])
def test_a_hook_that_raises_sets_its_plugin_aside(write, hook):
    write(
        "plugins/bad.py",
        "from gatekit import hookimpl\n"
        f"@hookimpl\ndef gatekit_{hook}():\n    raise SystemExit(1)\n",
    )
    (found,) = registry.broken()
    assert found.reason == "SystemExit: 1 (plugins/bad.py, line 4: raise SystemExit(1))"
    assert f"gatekit_{hook}" in found.traceback


def test_each_hook_is_called_once(write):
    write(
        "plugins/counting.py",
        "from gatekit import hookimpl\ncalls = []\n@hookimpl\ndef gatekit_cells():\n"
        "    calls.append(1)\n    return {'counted': lambda: {'calls': len(calls)}}\n",
    )
    for _ in range(3):
        registry.catalogue(), registry.tasks(), registry.origins("cells"), registry.broken()
    assert registry.catalogue().cells["counted"]() == {"calls": 1}


def test_an_unknown_gate_points_at_what_is_broken(write):
    write("plugins/halved_gate.py", "import a_module_that_does_not_exist\n")
    names = "'halved'", "halved_gate (ModuleNotFoundError", "gatekit plugins"
    with pytest.raises(CellError, check=at("cell.gates.halved.kind", names=names)):
        read_cell(CELL, registry.catalogue())


@pytest.mark.parametrize("second", ["plugins/b.py", "named.py"])
def test_two_plugins_of_one_name_are_both_named(place, gate_file, second):
    first = gate_file("plugins/a.py")
    other = gate_file(second)
    with pytest.raises(PluginError) as caught:
        registry.catalogue(["named.py"] if second == "named.py" else [])
    assert "register the gate 'halved'" in str(caught.value)
    assert str(first) in str(caught.value)
    assert str(other) in str(caught.value)


def test_a_distribution_and_a_file(install, gate_file):
    install("gates-of-mine", "gates_of_mine", gate_file("text").read_text())
    path = gate_file("plugins/mine.py")
    with pytest.raises(PluginError) as caught:
        registry.catalogue()
    assert "gates-of-mine 1.2.3" in str(caught.value)
    assert str(path) in str(caught.value)


def test_a_bundled_name_is_taken(place, gate_file):
    gate_file("plugins/mine.py", "forget")
    with pytest.raises(PluginError, match="the gate 'forget'") as caught:
        registry.catalogue()
    assert "forget_gate.py" in str(caught.value)


def test_a_function_of_the_language_is_taken(write):
    write(
        "plugins/mine.py",
        "from gatekit import Function, hookimpl\n@hookimpl\ndef gatekit_functions():\n"
        "    return {'tanh': Function('tanh', 1, compose=lambda x: x)}\n",
    )
    with pytest.raises(PluginError, match="'tanh', which gatekit already has"):
        registry.catalogue()


def test_a_function_of_a_plugin_is_part_of_the_language(write):
    write(
        "plugins/mine.py",
        "from gatekit import Function, hookimpl\n@hookimpl\ndef gatekit_functions():\n"
        "    return {'twice': Function('twice', 1, compose=lambda x: x + x)}\n",
    )
    catalogue = registry.catalogue()
    config = {"gates": {"a": {"kind": "tanh"}}, "equations": {"h": "twice(a)"}, "emits": "h"}
    assert read_cell(config, catalogue).canonical()["equations"] == {"h": "twice(a)"}
    assert catalogue.functions["twice"](2.0) == 4.0
    assert registry.origins("functions")["twice"].plugin == "mine"


def test_config_folders_are_seen_from_the_plugins_file(write):
    write(
        "packs/mine.py",
        "from gatekit import hookimpl\n"
        "@hookimpl\ndef gatekit_config_dirs():\n    return ['settings']\n",
    )
    folder = write("packs/settings/cell/own.yaml", "defaults: [lstm]\nname: own\n").parents[1]
    bundled = registry.config_dirs()
    assert [(f / "cell" / "lstm.yaml").is_file() for f in bundled] == [True]
    assert registry.config_dirs(["packs/mine.py"]) == [folder, *bundled]


def test_the_folders_of_plugins_that_were_named_are_searched_first(write):
    for name in ("one", "two"):
        write(
            f"packs/{name}.py",
            "from gatekit import hookimpl\n"
            f"@hookimpl\ndef gatekit_config_dirs():\n    return ['{name}', '{name}_more']\n",
        )
        write(f"packs/{name}/cell/x.yaml", "a: 1\n")
        write(f"packs/{name}_more/cell/x.yaml", "a: 1\n")
    found = registry.config_dirs(["packs/one.py", "packs/two.py"])
    assert [f.name for f in found] == ["two", "two_more", "one", "one_more", "conf"]


CALLBACKS = """from gatekit import hookimpl
@hookimpl
def gatekit_callbacks({arguments}):
    return {value}
"""


def test_callbacks_are_made_for_a_run(write):
    value = "[lambda event, **facts: (run['seed'], event)]"
    write("plugins/mine.py", CALLBACKS.format(arguments="run", value=value))
    write("plugins/other.py", CALLBACKS.format(arguments="", value="[print]"))
    _, first, second = registry.callbacks({"seed": 7})
    assert first("start", epoch=1) == (7, "start")
    assert second is print


@pytest.mark.parametrize("value", ["1 / 0", "3", "[3]", "'text'"])
def test_callbacks_that_fail_name_the_plugin(write, value):
    path = write("plugins/mine.py", CALLBACKS.format(arguments="run", value=value))
    with pytest.raises(PluginError, match="gatekit_callbacks") as caught:
        registry.callbacks({})
    assert str(path) in str(caught.value)


def test_an_unknown_kind_is_refused(place):
    with pytest.raises(PluginError, match="did you mean 'gates'"):
        registry.origins("gate")


def test_what_is_registered_cannot_be_changed(place):
    for mapping in (registry.catalogue().gates, registry.catalogue().functions, registry.tasks()):
        assert isinstance(mapping, types.MappingProxyType)


def test_the_registry_needs_no_tensorflow(place):
    code = (
        "import sys; from gatekit import registry; registry.catalogue(); registry.tasks();"
        "print(sorted({'tensorflow', 'keras', 'hydra'} & set(sys.modules)))"
    )
    made = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert made.stdout.strip() == "[]"


def test_a_broken_plugin_that_is_named_is_an_error(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plugins").mkdir()
    file = tmp_path / "plugins" / "syntax.py"
    file.write_text("def broken(:\n")
    from seams import PluginError

    from gatekit import registry

    assert [b.name for b in registry.broken()] == ["syntax"]
    with pytest.raises(PluginError, match=r"syntax.*is broken: SyntaxError"):
        registry.catalogue(["plugins/syntax.py"])


def test_use_plugins_holds_for_the_process(tmp_path, monkeypatch):
    monkeypatch.setattr(loading, "_used", [])
    file = tmp_path / "soft.py"
    file.write_text(
        "from gatekit import Gate, hookimpl, ops\n"
        "class Soft(Gate):\n"
        '    """A gate."""\n'
        "    def activate(self, pre):\n"
        "        return ops.sigmoid(pre / 2)\n"
        "@hookimpl\n"
        "def gatekit_gates():\n"
        '    return {"soft": Soft}\n'
    )
    assert "soft" not in registry.catalogue().gates
    registry.use_plugins(file)
    assert "soft" in registry.catalogue().gates


@pytest.mark.parametrize("prompt", ["python", "notebook"])
def test_a_file_that_is_edited_is_loaded_again_on_demand(place, gate_file, monkeypatch, prompt):
    file = gate_file("plugins/halved.py")

    def value():
        return str(registry.catalogue().gates["halved"]().activate(Name("pre")))

    before = value(), registry.object_hash("gates", "halved")
    # Of the same size, and perhaps within the same second.
    file.write_text(file.read_text().replace("* 0.5", "* 0.7"))
    os.utime(file, ns=(0, file.stat().st_mtime_ns + 1))
    # A script that runs notebooks imports ipykernel, but nobody types. Any warning fails a test.
    monkeypatch.setitem(sys.modules, "ipykernel", types.ModuleType("ipykernel"))
    assert value() == before[0] == "sigmoid(pre)*0.5"
    if prompt == "python":
        monkeypatch.setattr(sys, "ps1", ">>> ", raising=False)
    else:
        notebook = types.SimpleNamespace(get_ipython=object)
        monkeypatch.setitem(sys.modules, "IPython", notebook)
    with pytest.warns(UserWarning, match="gatekit.use_plugins"):
        value()
    monkeypatch.setattr(loading, "_used", [])
    registry.use_plugins(file)
    assert value() == "sigmoid(pre)*0.7"
    assert registry.object_hash("gates", "halved") != before[1]


def test_a_file_that_is_new_is_loaded_if_plugins_are_loaded_again(place, gate_file, monkeypatch):
    registry.catalogue()
    gate_file("plugins/later.py", "later")
    cell = {"gates": {"g": {"kind": "later"}}, "equations": {"h": "g"}, "emits": "h"}
    with pytest.raises(CellError, check=at("cell.gates.g.kind")):
        read_cell(cell, registry.catalogue())
    monkeypatch.setattr(loading, "_used", [])
    registry.use_plugins()
    assert read_cell(cell, registry.catalogue()).gates[0].kind == "later"
