"""The three doors: what is found, in which order, and what stays outside."""

import sys
from pathlib import Path

import gatekit.plugins
import pytest

from gatekit import registry
from gatekit.cell.errors import PluginError
from gatekit.registry import discovery


def test_bundled_plugins_come_from_their_folder(place):
    path = registry.origins("gates")["forget"].path
    assert path.parent in [Path(p).resolve() for p in gatekit.plugins.__path__]
    assert registry.broken() == []


def test_a_file_of_the_working_folder(place, gate_file):
    path = gate_file("plugins/mine.py")
    origin = registry.origins("gates")["halved"]
    assert (origin.plugin, origin.path, origin.distribution) == ("mine", path, None)
    assert origin.hooks == ("gatekit_gates",)


def test_files_that_begin_with_an_underscore_are_no_plugins(place, gate_file):
    gate_file("plugins/_mine.py")
    assert "halved" not in registry.catalogue().gates


def test_the_bundled_folder_is_not_taken_twice(monkeypatch):
    folder = Path(next(iter(gatekit.plugins.__path__))).resolve()
    if folder.name != "plugins":
        pytest.skip("gatekit.plugins is installed, and no checkout's ./plugins")
    monkeypatch.chdir(folder.parent)
    monkeypatch.delenv(discovery.DISABLE, raising=False)
    names = registry.plugin_names()
    assert len(names) == len(set(names))
    assert registry.origins("gates")["forget"].plugin == "forget_gate"
    assert registry.catalogue().gates["forget"].__module__ == "gatekit.plugins.forget_gate"


def test_an_installed_distribution(install, gate_file):
    source = gate_file("text").read_text()
    path = install("gates-of-mine", "gates_of_mine", source)
    origin = registry.origins("gates")["halved"]
    assert (origin.plugin, origin.distribution, origin.version) == (
        "gates_of_mine",
        "gates-of-mine",
        "1.2.3",
    )
    assert origin.path == path


def test_an_entry_point_may_name_an_object_of_a_module(install):
    source = (
        "from gatekit import Gate, hookimpl\n"
        "class Own(Gate):\n"
        "    def activate(self, pre):\n"
        "        return pre\n"
        "class Plugin:\n"
        "    @hookimpl\n"
        "    def gatekit_gates(self):\n"
        "        return {'own': Own}\n"
        "plugin = Plugin()\n"
    )
    path = install("object-plugin", "object_plugin", source, target="object_plugin:plugin")
    assert registry.plugin_source("gates", "own") == path


def test_a_named_file(place, gate_file):
    path = gate_file("elsewhere/mine.py")
    assert "halved" not in registry.catalogue().gates
    assert "halved" in registry.catalogue(["elsewhere/mine.py"]).gates
    assert registry.origins("gates", [str(path)])["halved"].path == path


def test_a_named_file_that_is_also_found_is_one_plugin(place, gate_file):
    gate_file("plugins/mine.py")
    found = registry.catalogue(["plugins/mine.py"]).gates["halved"]
    assert found is registry.catalogue().gates["halved"]


def test_a_missing_file_is_named_with_its_path(place, gate_file):
    gate_file("elsewhere/mine.py")
    with pytest.raises(PluginError) as caught:
        registry.catalogue(["elsewhere/mien.py"])
    assert str(place / "elsewhere" / "mien.py") in str(caught.value)
    assert "did you mean 'mine.py'" in str(caught.value)


def test_a_named_file_must_be_python(write):
    write("gate.txt", "")
    with pytest.raises(PluginError, match=r"ends in \.py"):
        registry.catalogue(["gate.txt"])


def test_a_single_text_is_refused_with_what_to_write(place):
    with pytest.raises(PluginError, match=r"plugins=\[mine\.py\]"):
        registry.catalogue("mine.py")


def test_a_named_file_without_a_hook_is_an_error(write):
    write("empty.py", "x = 1\n")
    with pytest.raises(PluginError, match=r"has no hook(.|\n)*@hookimpl"):
        registry.catalogue(["empty.py"])


def test_autoload_can_be_switched_off(place, gate_file, install, monkeypatch):
    gate_file("plugins/mine.py")
    install("other", "other_gates", gate_file("text", "other").read_text())
    gate_file("named.py", "named")
    monkeypatch.setenv(discovery.DISABLE, "1")
    gates = registry.catalogue(["named.py"]).gates
    assert {"forget", "named"} <= set(gates)
    assert not {"halved", "other"} & set(gates)
    monkeypatch.setenv(discovery.DISABLE, "0")
    assert {"halved", "other", "named"} <= set(registry.catalogue(["named.py"]).gates)


def test_files_are_imported_without_touching_the_search_path(place, gate_file):
    gate_file("plugins/mine.py")
    before = list(sys.path)
    module = registry.catalogue().gates["halved"].__module__
    assert sys.path == before
    assert module.startswith(discovery.PRIVATE)
    assert "mine" not in sys.modules


def test_two_files_of_one_name_are_told_apart_without_their_folders_place(place, gate_file):
    gate_file("plugins/forget_gate.py", "halved")
    gate_file("a/forget_gate.py", "third")
    names = registry.plugin_names(["a/forget_gate.py"])
    assert [n for n in names if "forget_gate" in n] == [
        "forget_gate",
        "plugins/forget_gate.py",
        "a/forget_gate.py",
    ]


def test_another_working_folder_has_other_plugins(place, gate_file, monkeypatch):
    gate_file("one/plugins/mine.py")
    (place / "two").mkdir()
    monkeypatch.chdir(place / "one")
    first = registry.catalogue()
    assert registry.catalogue() is first
    monkeypatch.chdir(place / "two")
    assert "halved" in first.gates
    assert "halved" not in registry.catalogue().gates
