"""Cells by name: where they are looked for, and what a ``defaults`` list makes of them."""

import os

import pytest
from hydra import compose, initialize_config_dir
from omegaconf import OmegaConf
from refused import at, saying
from seams import CellError, build_cell, plan, read_cell, read_overrides, read_yaml
from seams import compose as study_compose

import gatekit
from gatekit import ConfigError, GatekitError, registry
from gatekit.registry import catalogue, cell_config, cell_names, load_cell

LAYOUTS = {
    "base": """
w: base
gates: {f: {kind: forget, units: 3}, g: {kind: input}}
k: [1, 2]
v: text
""",
    "without_self": "defaults: [base]\nw: n\ngates: {f: {units: 2}, g: null}\nk: [3]\n",
    "absolute": "defaults: [/cell/base@_here_, _self_]\nv: {a: 1}\ngates: z\n",
    "two_levels": "defaults: [without_self, _self_]\ngates: {g: {kind: output}}\n",
    "both": "defaults: [base, without_self, _self_]\nk: []\n",
    "here": "defaults: [base@_here_, _self_]\ngates: {}\n",
    "ending": "defaults: [base.yaml]\nv: {a: 1e-3}\n",
    "empty_list": "defaults: []\nw: n\n",
    "anchors": "defaults: [base]\ngates: {f: &f {units: 5}, i: *f}\n",
}


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEKIT_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    return tmp_path


@pytest.fixture
def cell_file(place):
    """Write conf/cell/NAME.yaml of the working folder."""

    def cell_file(name, text, folder="conf"):
        path = place / folder / "cell" / f"{name}.yaml"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return cell_file


@pytest.mark.parametrize("layout", LAYOUTS)
def test_defaults_mean_what_they_mean_in_hydra(place, cell_file, layout):
    for name, text in LAYOUTS.items():
        # gatekit names a cell like its file, which Hydra alone does not do
        cell_file(name, f"{text}name: {name}\n")
    (place / "primary").mkdir()
    (place / "primary" / "top.yaml").write_text(
        f"defaults: [{{cell: base}}, _self_]\nhydra: {{searchpath: ['file://{place / 'conf'}']}}\n"
    )
    with initialize_config_dir(os.fspath(place / "primary"), version_base="1.3"):
        composed = compose("top", overrides=[f"cell={layout}"])
    expected = OmegaConf.to_container(composed.cell)
    config = cell_config(layout, catalogue())
    # gatekit adds what the cell starts from, which is not inherited
    starts = {"two_levels": ["without_self", "base"], "both": ["base", "without_self"]}
    named = starts.get(layout, ["base"])
    alone = layout in ("base", "empty_list")
    assert sorted(config.pop("starts_from", {})) == ([] if alone else sorted(named))
    assert config == expected
    assert list(config) == list(expected)


def own_lstm(cell_file, more=""):
    cell_file("duo", f"defaults: [lstm, _self_]\nname: duo\n{more}dropout: 0.1\n")


def test_a_cell_of_ones_own_does_not_inherit_the_provenance_of_another(cell_file):
    own_lstm(cell_file)
    about = dict(load_cell("duo", catalogue()).about)
    assert about == {"starts_from": {"lstm": ["gers2000learning", "hochreiter1997long"]}}
    own_lstm(cell_file, "notes: two memories\ncite: [zhou2016minimal]\n")
    about = dict(load_cell("duo", catalogue()).about)
    assert (about["notes"], about["cite"]) == ("two memories", ["zhou2016minimal"])


def test_what_it_starts_from_is_followed_to_the_published_cell(cell_file):
    own_lstm(cell_file)
    cell_file("trio", "defaults: [duo]\nname: trio\n")
    starts = dict(load_cell("trio", catalogue()).about)["starts_from"]
    assert starts == {"duo": [], "lstm": ["gers2000learning", "hochreiter1997long"]}


def test_training_has_the_same_provenance_and_the_same_fingerprint(cell_file):
    own_lstm(cell_file)
    (run,) = plan(["cell=duo", "task=adding", "units=2"]).runs
    assert run.config["cell"]["starts_from"]["lstm"] == ["gers2000learning", "hochreiter1997long"]
    assert {"cite", "notes", "reference"} & set(run.config["cell"]) == set()
    own_lstm(cell_file, "notes: two memories\n")
    (noted,) = plan(["cell=duo", "task=adding", "units=2"]).runs
    assert noted.fingerprint == run.fingerprint


def test_a_list_replaces_inherited_reads_for_a_run_as_in_python(cell_file):
    gates = "{candidate: {reads: [x, h_prev]}, reset: null}"
    cell_file("fewer", f"defaults: [gru, _self_]\nname: fewer\ngates: {gates}\n")
    (run,) = plan(["cell=fewer", "task=adding", "units=2"]).runs
    of_run = read_cell(run.config["cell"], catalogue())
    assert of_run == load_cell("fewer", catalogue())
    assert [gate.name for gate in of_run.gates] == ["update", "candidate"]
    assert [r.text for r in of_run.gates[1].reads] == ["x", "h_prev"]


def test_a_bundled_cell_still_shares_the_works_of_the_one_it_starts_from():
    about = dict(load_cell("lstmp_peephole", catalogue()).about)
    assert "cite" in about
    assert "starts_from" not in about


def test_a_file_whose_cell_has_another_name_is_refused(cell_file):
    cell_file("wrongname", "defaults: [lstm]\nname: other_name\n")
    says = "conf/cell/wrongname.yaml, line 2: .*'other_name'.* write name: wrongname, or rename"
    with pytest.raises(ConfigError, match=says):
        load_cell("wrongname", catalogue())
    with pytest.raises(ConfigError, match=says):
        study_compose(["cell=wrongname", "task=adding"])


WRONG = {
    "a key": ("equation: {h: x}\n", at("cell.equation")),
    "a gate": ("gates: {f: {kind: forgt}}\n", at("cell.gates.f.kind")),
    "an equation": ("equations: {h: tanh(x}\nemits: h\n", at("cell.equations.h", marked="(")),
    "a signal": ("equations: {h: tanh(y_1)}\nemits: h\n", at("cell.equations.h", names=("y_1",))),
}


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_in_a_cell_names_its_file(cell_file, what):
    text, check = WRONG[what]
    cell_file("wrong", text)
    for ask in (
        lambda: gatekit.show("wrong", units=1, features=1),
        lambda: build_cell(read_overrides(["cell=wrong", "units=1", "features=1"])),
        lambda: plan(["cell=wrong", "task=adding", "units=1"]),
    ):
        with pytest.raises(GatekitError, check=check) as caught:
            ask()
        line = "" if what == "a signal" and "line" not in str(caught.value) else ", line 1"
        assert str(caught.value).startswith(f"conf/cell/wrong.yaml{line}: cell")


IN_YAML = {
    "an option": (
        "gates: {forget: {norm: layer}}\n",
        at("cell.gates.forget.norm"),
    ),
    "a default": (
        "gates:\n  forget: {kind: power_law, eps: a}\n",
        at("cell.gates.forget.eps"),
    ),
    "unused": ("gates:\n  spare: {kind: tanh}\n", at("cell.gates.spare")),
    "a percentage": ("dropout: 20%\n", at("cell.dropout")),
    "reversed roles": (
        "roles: {input: keep}\n",
        at("cell.roles.input"),
    ),
    "extends": ("extends: lstm\n", at("cell.extends")),
    "units": ("units: 64\n", at("cell.units")),
    "a list": ("equations:\n  - h = c\n", at("cell.equations")),
    "a name": ("gates: {my-gate: sigmoid}\n", at("cell.gates.my-gate")),
    "a matrix": ("equations: {h: W*c}\n", at("cell.equations.h")),
    "no state": ("equations: {h: s_prev + c}\n", at("cell.equations.h")),
    "another library": (
        "initializers: {kernel: xavier}\n",
        at("cell.initializers.kernel"),
    ),
}


@pytest.mark.parametrize("what", IN_YAML)
def test_a_mistake_in_a_file_is_answered_in_yaml_at_its_line(cell_file, what):
    text, check = IN_YAML[what]
    cell_file("wrong", f"defaults: [lstm]\n{text}")
    with pytest.raises(GatekitError, check=check) as caught:
        gatekit.show("wrong", units=4, features=3)
    assert str(caught.value).startswith("conf/cell/wrong.yaml, line ")


REFUSED_DEFAULTS = {
    "text": ("defaults: lstm\n", saying("a list is expected")),
    "null": ("defaults: null\n", saying("a list is expected")),
    "self-twice": (
        "defaults: [_self_, lstm, _self_]\n",
        saying("_self_ appears twice in defaults"),
    ),
    "self-first": (
        "defaults: [_self_, lstm]\nequations: {h: output * c}\n",
        at("cell.defaults", names=("mine.yaml, line 1",)),
    ),
    "self-between": (
        "defaults: [lstm, _self_, gru]\n",
        at("cell.defaults"),
    ),
    "circle": ("defaults: [mine]\n", saying("cycle: mine -> mine")),
    "group": ("defaults: [{/cell: lstm}]\n", at("cell.defaults")),
    "override": (
        "defaults: ['override hydra/launcher: joblib']\n",
        at("cell.defaults"),
    ),
    "parent": ("defaults: [../../etc/passwd]\n", at("cell.defaults")),
    "absolute": ("defaults: [/cell/lstm]\n", at("cell.defaults")),
    "other-group": ("defaults: [/task/adding]\n", at("cell.defaults")),
    "unknown": (
        "defaults: [lstmm]\n",
        saying("mine.yaml, line 1: defaults: there is no cell 'lstmm'.*'lstm'"),
    ),
    "package": ("defaults: [lstm@gates]\n", at("cell.defaults")),
}


@pytest.mark.parametrize("case", REFUSED_DEFAULTS)
def test_defaults_that_lead_nowhere(cell_file, case):
    text, check = REFUSED_DEFAULTS[case]
    cell_file("mine", text)
    with pytest.raises(GatekitError, check=check):
        load_cell("mine", catalogue())


def test_a_long_circle_is_printed(cell_file):
    for one, other in ("ab", "bc", "ca"):
        cell_file(one, f"defaults: [{other}]\n")
    with pytest.raises(ConfigError, match="b -> c -> a -> b"):
        load_cell("b", catalogue())


def test_defaults_that_double_are_bounded(cell_file):
    for k in range(18):
        cell_file(f"c{k}", f"defaults: [c{k + 1}, c{k + 1}]\n")
    cell_file("c18", "emits: h\n")
    with pytest.raises(ConfigError, match="more than 25 files, from c0"):
        load_cell("c0", catalogue())


FILE_FAULTS = {
    "7-no": ("defaults: [lstm]\ngates: {no: {kind: input}}\n", "can be misread"),
    "8-nan": ("defaults: [lstm]\nzoneout: {c: .nan}\n", "not a finite number"),
    "9-duplicate": ("defaults: [lstm]\nname: a\nname: b\n", "'name' is written twice"),
    "10-missing": ("defaults: [lstm]\ndropout: ???\n", r"dropout is \?\?\?"),
    "11-interpolation": (
        "defaults: [lstm]\ndropout: ${cell.dropout}\n",
        r"dropout is '\$\{cell.dropout\}'; only gatekit",
    ),
    "12-resolver": ("defaults: [lstm]\nnotes: ${nope:1}\n", "resolves references"),
    "13-secret": ("defaults: [lstm]\nnotes: ${oc.env:HOME}\n", "resolves references"),
    "14-tag": ("defaults: [lstm]\nnotes: !!python/name:os.system\n", "the tag"),
    "16-BOM": ("\ufeffdefaults: [lstm]\n", "byte order mark"),
    "17-empty": ("# later\n", "is empty"),
    "18-target": ("defaults: [lstm]\n_target_: os.system\n", "_target_ is refused"),
    "18-inner": (
        "defaults: [lstm]\ngates: {input: {kind: input, norm: {_target_: x}}}\n",
        "gates.input.norm._target_ is refused",
    ),
    "18-in-list": ("defaults: [lstm]\nreads: [{_target_: x}]\n", r"reads\[0\]._target_"),
}


@pytest.mark.parametrize("case", FILE_FAULTS)
def test_a_faulty_file_is_named(cell_file, case):
    text, says = FILE_FAULTS[case]
    path = cell_file("mine", text)
    with pytest.raises(ConfigError, match=says) as caught:
        load_cell("mine", catalogue())
    assert os.path.relpath(path) in str(caught.value)


def test_a_mapping_is_held_to_the_same(place):
    with pytest.raises(ConfigError, match=r"gates\.f\._target_ is refused"):
        load_cell({"gates": {"f": {"_target_": "os.system"}}, "emits": "f"}, catalogue())


def test_any_other_name_is_refused(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(CellError, check=at("cell", names=("quixotic",))):
        load_cell("quixotic", catalogue())


@pytest.mark.parametrize("name", ["../secret", "/etc/passwd", "a/b", "", ".", "a b", "a\0b"])
def test_a_name_is_no_path(place, name):
    (place / "conf" / "cell").mkdir(parents=True)
    (place / "conf" / "secret.yaml").write_text("emits: h\n")
    with pytest.raises(CellError, check=at("cell")):
        load_cell(name, catalogue())


@pytest.mark.parametrize("cell", [None, 3, ["lstm"]])
def test_neither_a_name_nor_a_mapping(place, cell):
    with pytest.raises(CellError, check=at("cell.name")):
        load_cell(cell, catalogue())


def test_null_removes_what_was_inherited(cell_file):
    cell_file("one", "defaults: [lstm]\nequations: {h: candidate, c: null}\n"
              "gates: {input: null, forget: null, output: null}\n")  # fmt: skip
    spec = load_cell("one", catalogue())
    assert [gate.name for gate in spec.gates] == ["candidate"]
    assert [name for name, _ in spec.equations] == ["h"]


def test_the_working_folder_stands_before_plugins_and_plugins_before_gatekit(cell_file, place):
    (place / "pack.py").write_text(
        "from gatekit import hookimpl\n@hookimpl\ndef gatekit_config_dirs():\n    return ['pack']\n"
    )
    plugins = ("pack.py",)
    bundled = cell_names()["gru"]
    packed = cell_file("gru", "defaults: [rnn]\nname: gru\nnotes: packed\n", "pack")
    assert cell_names(plugins)["gru"] == packed
    assert dict(load_cell("gru", catalogue(plugins), plugins).about)["notes"] == "packed"
    own = cell_file("gru", "defaults: [rnn]\nname: gru\nnotes: own\n")
    assert cell_names(plugins)["gru"] == own
    assert dict(load_cell("gru", catalogue(plugins), plugins).about)["notes"] == "own"
    assert own != bundled


def test_a_cell_function_is_a_cell_by_name(place, cell_file):
    path = place / "plugins" / "stack.py"
    path.parent.mkdir()
    path.write_text(
        "from gatekit import hookimpl\n"
        "def stack(depth=2):\n"
        "    names = [f'h{i}' for i in range(depth)]\n"
        "    gates = {f'g{i}': {'activation': 'tanh(pre)'} for i in range(depth)}\n"
        "    for i in range(depth):\n"
        "        gates[f'g{i}']['reads'] = ['x' if i == 0 else f'h{i - 1}']\n"
        "    equations = {n: f'g{i}' for i, n in enumerate(names)}\n"
        "    return {'name': 'stack', 'gates': gates, 'equations': equations, 'emits': names[-1]}\n"
        "@hookimpl\ndef gatekit_cells():\n    return {'stack': stack}\n"
    )
    known = catalogue()
    assert load_cell("stack", known).emits == "h1"
    assert load_cell({"function": "stack", "depth": 4}, known).emits == "h3"
    cell_file("deep", "defaults: [stack]\ndepth: 3\nname: deep\n")
    deep = load_cell("deep", known)
    assert (deep.name, deep.emits) == ("deep", "h2")
    assert cell_names()["stack"] == path
    assert registry.origins("cells")["stack"].path == path


def test_a_mapping_may_build_on_a_cell(place):
    config = {"defaults": ["lstm"], "gates": {"input": {"kind": "coupled"}}}
    assert load_cell(config, catalogue()).gates[0].kind == "coupled"
    assert "defaults" in config


@pytest.mark.parametrize("name", cell_names())
def test_the_canonical_form_of_every_cell_is_a_fixed_point(name):
    known = catalogue()
    spec = load_cell(name, known)
    again = read_cell(spec.canonical(), known)
    assert again == spec
    assert again.canonical() == spec.canonical()
    assert hash(again) == hash(spec)


@pytest.mark.one_in(3, slow=3)
@pytest.mark.parametrize("name", cell_names())
def test_hydra_composes_every_cell_to_the_same(name):
    """Hydra, unlike gatekit, puts no list where a file before had a mapping."""
    path, known = cell_names()[name], catalogue()
    if path.suffix != ".yaml":
        return
    merged, own = {}, read_yaml(path)
    for entry in own.pop("defaults", ["_self_"]):
        merged = OmegaConf.merge(merged, own if entry == "_self_" else cell_config(entry, known))
    assert OmegaConf.to_container(OmegaConf.create(merged)) == cell_config(name, known)
