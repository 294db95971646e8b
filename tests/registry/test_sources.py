"""Hashes of plugins: they follow the meaning of the source, and nothing else."""

from pathlib import Path

import pytest
from seams import PluginError, hashes, read_cell, read_output_unit

import gatekit
from gatekit import registry
from gatekit.registry import plugin_hashes, plugin_source, plugin_sources, source_hash

SOURCE = '''"""A module."""
import math


class A:
    """A class."""

    size: int = 3

    def half(self, x, *, scale=0.5):
        """Halve."""
        return x * scale  # a reason


async def later():
    """Later."""
    return None
'''
SAME = {
    "comments": SOURCE.replace("  # a reason", "").replace("import math", "# why\nimport math"),
    "docstrings": SOURCE.replace('"""Halve."""', '"""Return the half, batch x units."""'),
    "no-docstrings": SOURCE.replace('    """Later."""\n', "").replace('"""A module."""\n', ""),
    "layout": SOURCE.replace("x * scale", "(x   *\n                scale)").replace("\n\n\n", "\n"),
    "line-ends": SOURCE.replace("\n", "\r\n"),
    "quotes": SOURCE.replace('"""A class."""', "'A class.'"),
}
OTHER = {
    "number": SOURCE.replace("0.5", "0.25"),
    "option": SOURCE.replace("size: int = 3", "size: int = 4"),
    "type-of-number": SOURCE.replace("= 3", "= 3.0"),
    "name": SOURCE.replace("class A", "class B"),
    "order": SOURCE.replace("x * scale", "scale * x"),
    "text-that-is-no-docstring": SOURCE.replace("return None", "return 'none'"),
    "added": SOURCE + "y = 1\n",
    "plain-function": SOURCE.replace("async def", "def"),
}


GATE = '''from gatekit import Gate, hookimpl, ops


class Halved(Gate):
    """Half a sigmoid."""

    scale: float = 0.5

    def activate(self, pre):
        return ops.sigmoid(pre) * self.scale


@hookimpl
def gatekit_gates():
    return {"halved": Halved}
'''
CELL = """from gatekit import GatekitError, hookimpl


def halved_cell(depth=2):
    if depth < 1:
        raise GatekitError("depth is at least 1")
    return {"gates": {"z": {"kind": "sigmoid"}}, "equations": {"h": "z * h_prev"}, "emits": "h"}


@hookimpl
def gatekit_cells():
    return {"halved": halved_cell}
"""
TASK = """import gatekit
from gatekit import Batch, Metric, Signature, StreamedTask, hookimpl


class Coin(StreamedTask):
    recipe = "coin/1"
    metric = Metric("accuracy", direction="max", unit="share")

    def signature(self):
        return Signature(features=1, vocabulary=None, outputs=2, loss="categorical")

    def chance(self):
        return 0.5

    def sample(self, rng, size):
        x = rng.integers(0, 2, [size, 5, 1])
        return Batch(x.astype("float32"), x[:, 0, 0].astype("int32"))


@hookimpl
def gatekit_tasks():
    return {"coin": Coin}
"""
# as revision 1084987 hashed them, when imports of gatekit's own modules still counted
LITERAL = {
    "gate": (GATE, "4387dbcad5879cbcbccf3aaf90528c926d5917ee5e08cdc96c33d1b44a2a4464"),
    "cell": (CELL, "4bd4e0f9c737e50a0f7c07fc1317f0ce6b3d33dedd86c12f1ad30665a880582d"),
    "task": (TASK, "0ba84ac91eb09d7089bbbcd3aa0e7800ba77a81f74e9df8fde2d69fc736034ba"),
}
LEFT_OUT = {
    "import gatekit.tasks": True,
    "import gatekit.tasks.task as t, gatekit.runs": True,
    "from gatekit import tasks": True,
    "from gatekit.tasks import generator, recipe_hash": True,
    "from gatekit.study.task import recipe_hash": True,
    "import gatekit": False,
    "from gatekit import Gate": False,
    "from gatekit import Gate, tasks": False,
    "import numpy, gatekit.tasks": False,
    "from gatekit.plugins.forget_gate import Forget": False,
    "from gatekit.tasks import generator as g": False,
    "from .tasks import generator": False,
    "from elsewhere.gatekit import tasks": False,
}


@pytest.mark.parametrize("kind", LITERAL)
def test_a_plugin_that_imports_gatekit_alone_keeps_its_hash(hashed, kind):
    text, expected = LITERAL[kind]
    assert hashed(text) == expected


@pytest.mark.parametrize("statement", LEFT_OUT)
def test_imports_of_gatekits_own_modules_do_not_count(hashed, statement):
    text = f"import math\ndef f():\n    {statement}\n    return 1\n"
    assert (hashed(text) == hashed(text.replace(statement, ""))) is LEFT_OUT[statement]
    top = f"import math\n{statement}\n"
    assert (hashed(top) == hashed("import math\n")) is LEFT_OUT[statement]


def test_where_a_function_of_gatekit_comes_from_does_not_count_but_its_new_name_does(hashed):
    old = hashed("from gatekit.study.seeds import integer, generator as g\n")
    assert hashed("from gatekit.tasks import generator as g, integer\n") == old
    assert hashed("from gatekit.tasks import integer as g, generator\n") != old
    assert hashed("from gatekit import Gate, tasks\n") == hashed("from gatekit import Gate\n")
    assert hashed("from gatekit import Task, tasks\n") != hashed("from gatekit import Gate\n")
    assert hashed("import numpy\n") == hashed("import numpy, gatekit.tasks\n")


def test_every_package_of_gatekit_is_known():
    folders = {p.parent.name for p in Path(gatekit.__file__).parent.glob("*/__init__.py")}
    assert folders - {"conf", "plugins"} == set(hashes._OWN_PACKAGES)


@pytest.fixture
def hashed(tmp_path):
    """Hash a text as a file."""

    def hashed(text, name="a.py"):
        path = tmp_path / name
        path.write_bytes(text.encode())
        return source_hash(path)

    return hashed


@pytest.mark.parametrize("change", SAME)
def test_layout_comments_and_docstrings_do_not_count(hashed, change):
    assert SAME[change] != SOURCE
    assert hashed(SAME[change], "b.py") == hashed(SOURCE)


@pytest.mark.parametrize("change", OTHER)
def test_every_other_change_counts(hashed, change):
    assert OTHER[change] != SOURCE
    assert hashed(OTHER[change]) != hashed(SOURCE)


def test_the_hash_is_the_same_on_every_python(hashed):
    text = "def f(x, y=1):\n    return f'{x!r:>4}' if x else -y ** 2\n"
    expected = "3d627caaeed45ff4038bcd2acacca091463dce4ef1124223eb0e19bf48071b73"
    assert hashed(text) == expected


def test_what_is_no_python_is_hashed_as_bytes(hashed):
    assert hashed("no python (") != hashed("no python  (")


def test_the_source_of_what_is_registered(place, gate_file):
    path = gate_file("plugins/mine.py")
    assert plugin_source("gates", "halved") == path
    assert plugin_source("tasks", "adding").name == "adding.py"
    with pytest.raises(PluginError, match="did you mean 'halved'"):
        plugin_source("gates", "halfed")


def read(**changes):
    """Return a cell with one gate of the test's own."""
    config = {"gates": {"a": {"kind": "halved"}}, "equations": {"h": "a"}, "emits": "h"}
    return read_cell({**config, **changes}, registry.catalogue())


def test_only_what_a_run_uses_is_hashed(place, gate_file):
    gate_file("plugins/mine.py")
    gate_file("plugins/other.py", "other")
    unit = read_output_unit("memory", registry.catalogue())
    found = plugin_hashes(read(), unit, "adding")
    assert set(found) == {"mine", "memory_output", "adding", "linear_maps", "initializers"}
    assert list(found) == sorted(found)
    assert all(len(value) == 64 for value in found.values())
    assert plugin_hashes(None, None, None) == {}


def test_functions_initializers_and_maps_count(place, write):
    head = "from gatekit import Function, Initializer, LinearMap, hookimpl\n"
    hook = "@hookimpl\ndef gatekit_{kind}():\n    return {{{name!r}: {value}}}\n"
    function = "Function('twice', 1, compose=lambda x: x + x)"
    write("plugins/a.py", head + hook.format(kind="functions", name="twice", value=function))
    drawn = "class B(Initializer):\n    def draw(self, rng, shape, context):\n        return rng\n"
    write("plugins/b.py", head + drawn + hook.format(kind="initializers", name="b", value="B"))
    linear = "class C(LinearMap):\n    def shapes(self, width_in, width_out):\n        return {}\n"
    write("plugins/c.py", head + linear + hook.format(kind="linear_maps", name="c", value="C"))
    gate = {"activation": "twice(pre)", "reads": {"x": "c"}, "initializers": {"bias": "b"}}
    spec = read(gates={"a": gate})
    assert {"a", "b", "c"} <= set(plugin_hashes(spec, None, None))
    plain = read(gates={"a": {"activation": "tanh(pre)", "reads": ["x"]}})
    assert not {"a", "b", "c"} & set(plugin_hashes(plain, None, None))
    learned = {"p": {"shape": "units", "init": {"kind": "b"}}}
    with_parameter = read(gates={"a": {"kind": "tanh"}}, parameters=learned)
    assert "b" in plugin_hashes(with_parameter, None, None)


def test_the_hash_does_not_depend_on_the_place(tmp_path, gate_file, monkeypatch):
    found = []
    for folder in ("one", "two"):
        gate_file(f"{folder}/plugins/mine.py")
        monkeypatch.chdir(tmp_path / folder)
        found.append(plugin_hashes(read(), None, None))
    assert found[0] == found[1]


def test_a_gate_that_inherits_changes_with_its_base(place, write, monkeypatch):
    text = (
        "from gatekit import hookimpl\n"
        "from gatekit.plugins.forget_gate import Forget\n"
        "class Halved(Forget):\n    pass\n"
        "@hookimpl\ndef gatekit_gates():\n    return {'halved': Halved}\n"
    )
    write("plugins/mine.py", text)
    before = plugin_hashes(read(), None, None)["mine"]
    original = registry.hashes.source_hash
    monkeypatch.setattr(
        registry.hashes,
        "source_hash",
        lambda path: "changed" if path.name == "forget_gate.py" else original(path),
    )
    assert plugin_hashes(read(), None, None)["mine"] != before


def test_all_of_an_installed_package_counts(install, gate_file, write, place):
    install("pack-of-gates", "pack_of_gates", gate_file("text").read_text())
    write("site/unrelated.py", "x = 1\n")
    before = plugin_hashes(read(), None, None)["pack_of_gates"]
    write("site/unrelated.py", "x = 2\n")
    assert plugin_hashes(read(), None, None)["pack_of_gates"] == before
    module = write("site/pack_of_gates.py", gate_file("text").read_text().replace("0.5", "0.4"))
    assert module.exists()
    assert plugin_hashes(read(), None, None)["pack_of_gates"] != before


def test_helpers_inside_an_installed_package_count(install, gate_file, write):
    source = "from .gate import *\nfrom .gate import gatekit_gates\n"
    install("deep-pack", "deep_pack/__init__", source, target="deep_pack")
    write("site/deep_pack/gate.py", gate_file("text").read_text())
    write("site/deep_pack/inner/helper.py", "scale = 1\n")
    (name,) = (n for n in registry.plugin_names() if n.startswith("deep_pack"))
    before = plugin_hashes(read(), None, None)[name]
    write("site/deep_pack/inner/helper.py", "scale = 2\n")
    assert plugin_hashes(read(), None, None)[name] != before


def test_a_plugin_deep_in_a_package_counts_with_the_whole_package(install, gate_file, write):
    for folder in ("packs", "packs/inner"):
        write(f"site/{folder}/__init__.py", "")
    source = gate_file("text").read_text()
    install("nested-pack", "packs/inner/gates", source, target="packs.inner.gates")
    write("site/packs/other/helper.py", "scale = 1\n")
    write("site/beside.py", "scale = 1\n")
    (name,) = (n for n in registry.plugin_names() if "inner" in n)
    before = plugin_hashes(read(), None, None)[name]
    write("site/beside.py", "scale = 2\n")
    assert plugin_hashes(read(), None, None)[name] == before
    write("site/packs/other/helper.py", "scale = 2\n")
    assert plugin_hashes(read(), None, None)[name] != before


def test_sources_go_by_the_hashes_of_a_run(place, gate_file):
    path = gate_file("plugins/mine.py")
    hashes = plugin_hashes(read(), None, "adding")
    sources = plugin_sources(read(), None, "adding")
    assert set(sources) == set(hashes.values())
    assert sources[hashes["mine"]] == path.read_bytes()
    assert b"class Adding" in sources[hashes["adding"]]


def test_the_source_of_a_gate_holds_its_base(place, write):
    write(
        "plugins/mine.py",
        "from gatekit import hookimpl\n"
        "from gatekit.plugins.forget_gate import Forget\n"
        "class Halved(Forget):\n    pass\n"
        "@hookimpl\ndef gatekit_gates():\n    return {'halved': Halved}\n",
    )
    source = plugin_sources(read(), None, None)[plugin_hashes(read(), None, None)["mine"]]
    assert b"# mine.py\n" in source
    assert b"# forget_gate.py\n" in source
    assert b"class Forget(Gate)" in source
