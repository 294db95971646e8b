"""The three doors: what is found, in which order, and what stays outside."""

import ast
import importlib
import sys
from pathlib import Path

import gatekit.plugins
import processes
import pytest
from refused import at
from seams import PluginError, discovery

from gatekit import registry


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


def test_bundled_plugins_are_in_folders_and_are_imported_without_their_names(place):
    top = Path(gatekit.plugins.__file__).parent
    for name, path in {(o.plugin, o.path) for o in registry.origins("gates").values()}:
        assert path.parent == (top / "gates").resolve()
        assert Path(importlib.import_module(f"gatekit.plugins.{name}").__file__).resolve() == path
    stems = [path.stem for path in top.rglob("*.py") if path.stem != "__init__"]
    assert len(set(stems)) == len(stems)
    assert {str(path.parent.relative_to(top)) for path in top.rglob("*.py")} - {"."} == {
        *discovery.CELL_FOLDERS,
        "blocks",
        "callbacks",
        "cells",
        "tasks",
        "tasks/algorithmic",
        "tasks/by_path",
        "tasks/mad",
    }
    # each Python leaves files of its own in __pycache__
    folders = [f for f in (top, *top.rglob("*")) if f.is_dir() and f.name != "__pycache__"]
    assert [f for f in folders if len(list(f.glob("*.*"))) > 24] == []


def test_plugins_import_only_what_is_public(place):
    top = Path(gatekit.plugins.__file__).parent
    found = set()
    for path in filter(discovery.is_bundled, top.rglob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                found |= {(alias.name, "") for alias in node.names}
            elif isinstance(node, ast.ImportFrom):
                assert node.level == 0
                found |= {(node.module, alias.name) for alias in node.names}
    own = {(module, name) for module, name in found if module.split(".")[0] == "gatekit"}
    assert len(own) > 30
    for module, name in own - {("gatekit.conf", "")}:
        assert module in ("gatekit", "gatekit.tasks"), f"{module} is not public"
        assert name in importlib.import_module(module).__all__, f"{module}.{name} is not public"


def test_blocks_cells_and_tasks_are_loaded_when_they_are_asked_for():
    code = (
        "import os, sys\n"
        "from gatekit import registry\n"
        "first = registry.catalogue()\n"
        "early = [n for n in sys.modules if n.startswith('gatekit.plugins.')]\n"
        "assert 'gatekit.plugins.forget_gate' in early\n"
        "later = {'adding', 'flag_loss', 'gla_block', 'ltc_cell'}\n"
        "assert not {f'gatekit.plugins.{name}' for name in later} & set(early)\n"
        "assert 'gla' in first.blocks and 'ltc' in first.cells and len(first.blocks) > 5\n"
        "late = set(sys.modules)\n"
        "assert {'gatekit.plugins.gla_block', 'gatekit.plugins.ltc_cell'} < late\n"
        "assert not {'gatekit.plugins.adding', 'gatekit.plugins.flag_loss'} & late\n"
        "assert 'adding' in registry.tasks()\n"
        "assert registry.catalogue() is first\n"
        "names = registry.plugin_names()\n"
        "assert 'flag_loss' in names\n"
        "assert len(names) == len(set(names))\n"
    )
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr


def test_a_plugin_of_the_users_may_replace_no_bundled_task(place, write):
    text = (
        "from gatekit import hookimpl\n"
        "from gatekit.plugins.adding import Adding\n"
        "class Other(Adding):\n    pass\n"
        "@hookimpl\ndef gatekit_tasks():\n    return {'adding': Other}\n"
    )
    write("plugins/mine.py", text)
    for _ in range(2):
        with pytest.raises(PluginError, match="the task 'adding'"):
            registry.catalogue()


def test_files_in_subfolders_are_found_by_relative_path(place, gate_file):
    for number, path in enumerate(["b.py", "a/z.py", "a/deep/1/2/3/x.py", "c/y.py"]):
        gate_file(f"plugins/{path}", f"gate{number}")
    skipped = ("_old/a", ".venv/lib/b", "a/_mine", "a/.hidden", "1/2/3/4/5/6/deep")
    for path in skipped:
        gate_file(f"plugins/{path}.py", "hidden")
    assert registry.plugin_names()[-4:] == ("x", "z", "b", "y")
    assert "hidden" not in registry.catalogue().gates


def test_a_file_of_a_subfolder_without_a_hook_is_not_run(place, gate_file, write):
    write("plugins/mine/helper.py", "raise RuntimeError('run')\n")
    write("plugins/mine/broken.py", "from gatekit import hookimpl\nraise RuntimeError('run')\n")
    write("plugins/tests/test_mine.py", "assert False\n")
    gate_file("plugins/mine/good.py")
    assert [b.name for b in registry.broken()] == ["broken"]
    assert "halved" in registry.catalogue().gates


def test_links_to_folders_are_not_followed(place, gate_file):
    gate_file("elsewhere/mine.py")
    gate_file("plugins/other.py", "other")
    (place / "plugins" / "round").symlink_to(place / "plugins")
    (place / "plugins" / "linked").symlink_to(place / "elsewhere")
    assert "other" in registry.catalogue().gates
    assert "halved" not in registry.catalogue().gates


def test_a_folder_of_too_many_files_is_refused(place, monkeypatch, write):
    for number in range(110):
        write(f"plugins/env/{number}.py", "")
    monkeypatch.setattr(discovery, "MOST", 111)  # the files and two folders are one more
    with pytest.raises(PluginError, match=r"more than 111 Python files"):
        registry.catalogue()
    monkeypatch.setattr(discovery, "MOST", 112)
    assert "forget" in registry.catalogue().gates
    monkeypatch.setattr(discovery, "MOST", 100)
    (place / "plugins/env").rename(place / "plugins/_env")
    assert "forget" in registry.catalogue().gates


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
    path = str(place / "elsewhere" / "mien.py")
    with pytest.raises(PluginError, check=at("plugins", names=(path,))):
        registry.catalogue(["elsewhere/mien.py"])


def test_a_named_file_must_be_python(write):
    write("gate.txt", "")
    with pytest.raises(PluginError, match=r"ends in \.py"):
        registry.catalogue(["gate.txt"])


def test_a_single_text_is_refused_with_what_to_write(place):
    with pytest.raises(PluginError, match=r"plugins=\['mine\.py'\]"):
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


def test_distributions_can_be_chosen(place, gate_file, install, monkeypatch):
    gate_file("plugins/mine.py")
    for name in ("First_Gates", "second.gates"):
        install(
            name, name.lower().replace(".", "_"), gate_file("text", name[:5].lower()).read_text()
        )
    monkeypatch.setenv(discovery.LOAD, " second-gates ,")
    assert {"halved", "secon"} <= set(registry.catalogue().gates)
    assert "first" not in registry.catalogue().gates
    monkeypatch.setenv(discovery.LOAD, "FIRST.gates,second_gates")
    assert {"halved", "first", "secon"} <= set(registry.catalogue().gates)
    monkeypatch.setenv(discovery.LOAD, "")
    assert "halved" in registry.catalogue().gates
    assert not {"first", "secon"} & set(registry.catalogue().gates)
    monkeypatch.delenv(discovery.LOAD)
    assert {"halved", "first", "secon"} <= set(registry.catalogue().gates)


def test_a_chosen_distribution_has_to_be_installed(place, gate_file, install, monkeypatch):
    install("good-gates", "good_gates", gate_file("text").read_text())
    monkeypatch.setenv(discovery.LOAD, "god-gates")
    with pytest.raises(PluginError, match=r"'god-gates'.*did you mean 'good-gates'"):
        registry.catalogue()


def test_a_file_directly_in_the_plugins_of_a_clone_is_the_users():
    top = Path(gatekit.plugins.__file__).parent
    assert discovery.is_bundled(top / "gates" / "forget_gate.py")
    assert discovery.is_bundled(top / "bundled_conf.py")
    assert not discovery.is_bundled(top / "mine.py")
    assert not discovery.is_bundled(top.parent / "elsewhere.py")
    bundled = [plugin.path for plugin in discovery.find((), top, False, None)]
    assert [path for path in bundled if not discovery.is_bundled(path)] == []


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


def test_a_file_is_imported_again_only_if_it_has_changed(write):
    path = write("elsewhere/mine.py", "VALUE = 1\n")
    first = discovery.import_file(path)
    assert discovery.import_file(path) is first
    path.write_text("VALUE = 22\n")
    second = discovery.import_file(path)
    assert (first.VALUE, second.VALUE) == (1, 22)
    assert discovery.import_file(path) is sys.modules[second.__name__] is second
    # One name, but another folder.
    assert discovery.import_file(write("other/mine.py", "VALUE = 3\n")).VALUE == 3
    path.unlink()
    assert discovery.version_of(path) is None


def test_within_a_block_only_named_plugins_are_loaded(place, gate_file):
    gate_file("plugins/mine.py")
    gate_file("named.py", "named")
    with discovery.named_only():
        assert not discovery.autoload()
        gates = registry.catalogue(["named.py"]).gates
    assert "named" in gates
    assert "halved" not in gates
    assert discovery.autoload()
    assert "halved" in registry.catalogue().gates


def test_a_name_that_is_taken_is_told_apart_by_its_folder_its_distribution_or_a_number():
    def named(taken, **where):
        plugin = discovery.DiscoveredPlugin("mine", list, named=True, **where)
        found = discovery._with_own_name(plugin, taken)
        assert (found.load, found.named) == (list, True)
        return found.name

    path, taken = Path("/away/plugins/mine.py"), {"mine"}
    assert named(set(), path=path) == "mine"
    assert named(taken, path=path) == "plugins/mine.py"
    assert named(taken, distribution="own") == "own:mine"
    assert named(taken) == "mine#2"
    assert named({*taken, "mine#2", "plugins/mine.py"}, path=path) == "mine#3"


def test_a_plugin_that_is_found_and_named_is_named(place, gate_file):
    path = gate_file("plugins/mine.py").resolve()
    for words, is_named in (((), False), (("plugins/mine.py",), True)):
        found = discovery.find(words, place, True, frozenset())
        assert [plugin.named for plugin in found if plugin.path == path] == [is_named]
        assert not any(plugin.named for plugin in found if plugin.path != path)
    without = discovery.find((), place, False, frozenset())
    assert all(plugin.bundled for plugin in without)


def test_a_file_that_is_missing_is_refused(place, gate_file):
    gate_file("elsewhere/mine.py")
    for typed in ("elsewhere/mime.py", "elsewhere\\mine.py", "elsewhere", "nowhere/mine.py"):
        with pytest.raises(PluginError, check=at("plugins")):
            registry.catalogue([typed])
