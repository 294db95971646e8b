"""What a plugin must keep to; whatever it does instead is told by file and name."""

import ast
import inspect
from pathlib import Path

import gatekit.plugins
import pytest
from refused import at
from seams import PluginError, complete_registry, contract, hooks

import gatekit
from gatekit import GatekitError, registry

HEAD = "from gatekit import Function, Gate, hookimpl, ops\n"
HOOK = "@hookimpl\ndef {name}({arguments}):\n    return {value}\n"


@pytest.mark.parametrize(
    ("source", "says"),
    [
        (
            HOOK.format(name="gatekit_gate", arguments="", value="{}"),
            "did you mean 'gatekit_gates'",
        ),
        (HOOK.format(name="my_gates", arguments="", value="{}"), "there is no hook 'my_gates'"),
        ("def gatekit_gates():\n    return {}\n", "write @hookimpl above it"),
        ("def gatekit_gats():\n    return {}\n", "did you mean 'gatekit_gates'"),
        (HOOK.format(name="gatekit_gates", arguments="cell", value="{}"), "cell"),
    ],
    ids=["misspelt", "no-such-hook", "unmarked", "unmarked-misspelt", "58-wrong-arguments"],
)
def test_a_misspelt_hook_is_an_error_that_names_the_file(write, source, says):
    path = write("plugins/mine.py", HEAD + source)
    with pytest.raises(PluginError) as caught:
        registry.catalogue()
    assert str(path) in str(caught.value)
    assert says in str(caught.value)


def test_a_class_that_no_hook_returns_is_named(write):
    write("plugins/mine.py", "from gatekit import Gate\n\n\nclass Mine(Gate):\n    pass\n")
    (found,) = registry.broken()
    assert "it defines the gate Mine but registers nothing" in found.reason
    assert "return {'mine': Mine}" in found.reason


def test_a_marker_of_another_project_is_no_marker(write):
    text = "import pluggy\nhookimpl = pluggy.HookimplMarker('gatekitt')\n"
    write("mine.py", text + HOOK.format(name="gatekit_gates", arguments="", value="{}"))
    with pytest.raises(PluginError, match="gatekit_gates is not marked"):
        registry.catalogue(["mine.py"])


def test_bundled_plugins_return_what_the_contract_asks_for():
    """They are not checked when they are loaded, which every first layer waits for."""
    known, seen = complete_registry(), 0
    for plugin in known.plugins.values():
        found = contract.implemented(plugin.module, plugin.discovered)
        assert sorted(found) == sorted(plugin.hooks)
        for kind in hooks.KINDS:
            if plugin.discovered.bundled and f"gatekit_{kind}" in plugin.hooks:
                hook = f"gatekit_{kind}"
                contract.checked(hook, known.call(plugin.discovered, hook), plugin.module)
                seen += 1
    assert seen > 60


RESULTS = {
    "list": ("gatekit_gates", "[Gate]", "a mapping from names"),
    "none": ("gatekit_gates", "None", "a mapping from names"),
    "instance": ("gatekit_gates", "{'mine': 3}", "a subclass of gatekit.Gate"),
    "base": ("gatekit_gates", "{'mine': Gate}", "a subclass of gatekit.Gate"),
    "no-base": ("gatekit_gates", "{'mine': type('Mine', (), {})}", "write class Mine(Gate)"),
    "lambda": ("gatekit_functions", "{'mine': lambda a: a}", "('mine', 1, compose=lambda a: ...,"),
    "other-class": ("gatekit_output_units", "{'mine': Gate}", "a subclass of gatekit.OutputUnit"),
    "bad-name": ("gatekit_gates", "{'my gate': Gate}", "is not a name"),
    "number-name": ("gatekit_initializers", "{1: Gate}", "is not a name"),
    "linear-map": ("gatekit_linear_maps", "{'mine': int}", "a subclass of gatekit.LinearMap"),
    "task": ("gatekit_tasks", "{'mine': int}", "a subclass of gatekit.Task"),
    "cell": ("gatekit_cells", "{'mine': {}}", "a function that returns a cell"),
    "function": ("gatekit_functions", "{'mine': abs}", "a gatekit.Function"),
    "renamed": ("gatekit_functions", "{'mine': Function('his', 1, compose=abs)}", "must be equal"),
    "arity": (
        "gatekit_functions",
        "{'mine': Function('mine', 1, compose=lambda a, b: a * b)}",
        "its arity is 1, and compose, <lambda>(a, b), takes 2 (line 4): write arity=2",
    ),
    "no-compose": ("gatekit_functions", "{'mine': Function('mine', 1)}", "compose= is missing"),
    "folder-text": ("gatekit_config_dirs", "'conf'", "a list of folders"),
    "no-folder": ("gatekit_config_dirs", "['nowhere']", "'nowhere' is not a folder"),
}


OBJECTS = {
    "gates": "type('Mine', (gatekit.Gate,), {})",
    "output_units": "type('Mine', (gatekit.OutputUnit,), {})",
    "initializers": "type('Mine', (gatekit.Initializer,), {'draw': lambda self, r, s, c: 0})",
    "linear_maps": "type('Mine', (gatekit.LinearMap,), {'shapes': lambda self, m, n: {}})",
    "tasks": "registry.tasks()['adding']",
    "functions": "gatekit.Function('mine', 1, compose=abs)",
    "cells": "lambda: {}",
    "gate instance": "type('Mine', (gatekit.Gate,), {})()",
    "task instance": "registry.tasks()['adding']()",
    "string": "'mine'",
    "class of another library": "dict",
}


@pytest.mark.parametrize("kind", hooks.KINDS)
@pytest.mark.parametrize("given", OBJECTS)
def test_each_hook_takes_objects_of_its_own_kind_only(given, kind):
    value = eval(OBJECTS[given], {**globals(), "gatekit": gatekit})
    hook, result = f"gatekit_{kind}", {"mine": value}
    if given == kind or (kind, given) == ("cells", "class of another library"):
        assert contract.checked(hook, result) == result
        return
    with pytest.raises(PluginError) as caught:
        contract.checked(hook, result)
    fault = str(caught.value)
    assert fault.startswith(f"{hook}: mine is ")
    if given in hooks.KINDS and given != "cells":
        assert fault.endswith(f"is expected: return it from gatekit_{given} instead")
    elif given == f"{kind.removesuffix('s')} instance":
        assert fault.endswith(f"that is an instance: return the class, {type(value).__name__}")
    elif "instance" in given:
        assert fault.endswith(f"return its class from gatekit_{given.split()[0]}s instead")
    else:
        assert " is expected" in fault


def test_a_task_that_is_not_finished_names_what_it_lacks(write):
    value = "{'mine': type('Mine', (Task,), {'chance': lambda self: 0.0})}"
    head = HEAD.replace("Gate,", "Gate, Task,")
    write("plugins/mine.py", head + HOOK.format(name="gatekit_tasks", arguments="", value=value))
    (found,) = registry.broken()
    assert "what every task needs: data_hash, signature, splits" in found.reason


@pytest.mark.parametrize("case", RESULTS)
def test_a_result_of_the_wrong_type_sets_the_plugin_aside(write, gate_file, case):
    hook, value, says = RESULTS[case]
    path = write("plugins/mine.py", HEAD + HOOK.format(name=hook, arguments="", value=value))
    gate_file("plugins/other.py")
    (found,) = registry.broken()
    assert (found.name, found.path) == ("mine", path)
    assert says in found.reason
    assert "mine" not in registry.plugin_names()
    assert {"halved", "forget"} <= set(registry.catalogue().gates)


def test_a_plugin_is_set_aside_as_a_whole(write):
    good = HOOK.format(name="gatekit_cells", arguments="", value="{'mine': dict}")
    bad = HOOK.format(name="gatekit_functions", arguments="", value="1 / 0")
    write("plugins/mine.py", HEAD + good + bad)
    assert "mine" not in registry.catalogue().cells
    (found,) = registry.broken()
    assert found.reason.startswith("ZeroDivisionError: division by zero (plugins/mine.py, line 7: ")
    assert "1 / 0" in found.traceback


@pytest.mark.parametrize("wanted", ['"2"', "2", '"0.9"', "None"])
def test_another_version_of_the_interface(place, gate_file, wanted):
    path = gate_file("plugins/mine.py")
    path.write_text(f"requires_api = {wanted}\n" + path.read_text())
    (found,) = registry.broken()
    assert f"version {ast.literal_eval(wanted)} of gatekit's plugin interface" in found.reason
    assert f"has {contract.API}" in found.reason
    assert "halved" not in registry.catalogue().gates


def test_this_version_of_the_interface(place, gate_file):
    path = gate_file("plugins/mine.py")
    path.write_text(f"requires_api = {contract.API!r}\n" + path.read_text())
    assert "halved" in registry.catalogue().gates


def test_every_hook_is_specified_with_its_kind():
    kinds = {f"gatekit_{kind}" for kind in hooks.KINDS}
    assert set(hooks.HOOKS) == kinds | {"gatekit_callbacks", "gatekit_config_dirs"}


@pytest.mark.parametrize("hook", hooks.HOOKS)
def test_every_hook_stands_in_the_documents_with_its_signature(hook):
    page = Path(__file__).parents[2] / "docs" / "plugins.md"
    arguments = ", ".join(inspect.signature(getattr(hooks, hook)).parameters)
    assert f"`{hook}({arguments})`" in page.read_text(encoding="utf-8")


@pytest.mark.parametrize("kind", ["gates", "output_units", "functions", "initializers", "tasks"])
def test_bundled_plugins_use_the_hook_of_strangers(place, kind):
    folders = [Path(p).resolve() for p in gatekit.plugins.__path__]
    origins = registry.origins(kind)
    assert origins
    assert all(origin.path.parent in folders for origin in origins.values())
    assert all(f"gatekit_{kind}" in origin.hooks for origin in origins.values())


def test_the_plugin_of_the_documents_works(write):
    page = Path(__file__).parents[2] / "docs" / "plugins.md"
    source = page.read_text(encoding="utf-8").split("```python\n")[1].split("```")[0]
    write("plugins/halved_gate.py", source)
    gate = registry.catalogue().gates["halved"](scale=0.25)
    assert gate.activate(0.0) == 0.125


METHODS = {
    "arguments": ("Initializer", "draw", "rng, shape", "write def draw(self, rng, shape, context)"),
    "of a subclass": ("StreamedTask", "sample", "rng", "write def sample(self, rng, size)"),
    "of Keras": ("Block", "forward", "x", "write def mix(self, parts, x) in place of forward"),
    "none": ("LinearMap", "matrix", "weights", "write def shapes(self, width_in, width_out)"),
}


@pytest.mark.parametrize("case", METHODS)
def test_a_class_whose_methods_cannot_be_called_is_refused(case):
    base, method, arguments, says = METHODS[case]
    kind = next(k for k, b in hooks.CLASSES.items() if issubclass(getattr(gatekit, base), b))
    own = eval(f"lambda self, {arguments}: None")
    metric = gatekit.Metric("mse", direction="min", unit="")
    value = type("Mine", (getattr(gatekit, base),), {method: own})
    if kind == "tasks":
        value.metric, value.__abstractmethods__ = metric, frozenset()
    with pytest.raises(PluginError) as caught:
        contract.checked(f"gatekit_{kind}", {"mine": value})
    assert says in str(caught.value)


def test_an_output_unit_with_states_is_refused():
    own = {"states": {"m": 0.0}, "emit": lambda self, emitted: emitted}
    with pytest.raises(PluginError, match="remove states"):
        contract.checked("gatekit_output_units", {"mine": type("Mine", (gatekit.OutputUnit,), own)})


def test_a_task_that_returns_no_signature_is_not_mended_by_a_default(write):
    task = (
        "from gatekit import Metric, StreamedTask\nclass Mine(StreamedTask):\n    length: int = 3\n"
    )
    metric = "    metric = Metric('mse', direction='min', unit='')\n"
    methods = "    def signature(self): return {}\n    def chance(self): return 0.0\n"
    sample = "    def sample(self, rng, size): return None\n"
    hook = HOOK.format(name="gatekit_tasks", arguments="", value="{'mine': Mine}")
    write("plugins/mine.py", HEAD + task + metric + methods + sample + hook)
    with pytest.raises(GatekitError, match="and not a Signature") as caught:
        gatekit.plan(task={"name": "mine", "length": 4})
    assert "default" not in str(caught.value)


def test_a_gate_that_needs_an_option_is_swapped_in_with_it(write):
    gate = "class Mine(Gate):\n    scale: float\n\n    def activate(self, pre):\n"
    value = "        return self.scale * ops.sigmoid(pre)\n\n"
    hook = HOOK.format(name="gatekit_gates", arguments="", value="{'mine': Mine}")
    write("plugins/mine.py", HEAD + gate + value + hook)
    with pytest.raises(GatekitError, check=at("swap.forget.scale")):
        gatekit.show("lstm", 4, 3, swap={"forget": "mine"})
    assert gatekit.show("lstm", 4, 3, swap={"forget": {"kind": "mine", "scale": 1}})


def test_a_metric_that_is_a_name_is_refused_with_the_metric():
    task = type("Mine", (registry.tasks()["adding"],), {"metric": "mse"})
    with pytest.raises(PluginError, match=r'metric = Metric\("mse", direction="min"'):
        contract.checked("gatekit_tasks", {"mine": task})


@pytest.mark.parametrize(
    ("result", "says"),
    [(print, "return [print]"), ([dict], "return [dict(run)]"), ([3], "def note")],
)
def test_callbacks_that_cannot_be_called_are_answered_with_a_list(result, says):
    with pytest.raises(PluginError) as caught:
        contract.callback_list(result)
    assert says in str(caught.value)


@pytest.mark.parametrize(
    ("hook", "says"),
    [
        ("return [Mine]", "return {'mine': Mine}"),
        ("{'mine': Mine}", "return {'mine': Mine}"),
        ("return {'my-gate': Mine}", "'my_gate'"),
        ("return {'mine': Mine()}", "class, Mine"),
    ],
)
def test_what_a_hook_returned_is_answered_at_its_line(write, hook, says):
    gate = "class Mine(Gate):\n    def activate(self, pre):\n        return pre\n"
    write("plugins/mine.py", f"{HEAD}{gate}@hookimpl\ndef gatekit_gates():\n    {hook}\n")
    names = says, "plugins/mine.py, line 5", "`gatekit plugins --json`"
    with pytest.raises(GatekitError, check=at("swap.forget", names=names)):
        gatekit.show("lstm", 4, 3, swap={"forget": "mine"})


@pytest.mark.parametrize(
    "ask",
    [
        lambda: gatekit.show("mine"),
        lambda: gatekit.diagram("lstm", block="mine"),
        lambda: gatekit.show({"gates": {"g": {"activation": "mine(pre)"}}, "emits": "g"}),
    ],
    ids=["cell", "block", "function"],
)
def test_a_name_of_a_broken_plugin_names_the_reason(write, ask):
    write("plugins/mine.py", "import nothing_of_this_name\n")
    with pytest.raises(GatekitError, match="'nothing_of_this_name'"):
        ask()
