"""Files of a configuration that are not found, and where configurations come from."""

import os
import types
from pathlib import Path

import pytest
from hydra.errors import MissingConfigException
from refused import at
from seams import compose
from seams import hydra_sources as sources

from gatekit import ConfigError

CELLS, EXPERIMENTS = ["gru", "lstm", "mine"], ["flip_flop", "parity"]
NOT_FOUND = {
    "hydra/launcher/joblib": (["basic"], at("hydra/launcher")),
    "hydra/sweeper/ax": (["basic"], at("hydra/sweeper")),
    "cell/sub/gru": (CELLS, at("cell")),
    "cell/gru.yaml": (CELLS, at("cell")),
    "cell/sub/gru.yml": (CELLS, at("cell")),
    "cell/lstm/gru": (CELLS, at("cell")),
    "cell/sigmoid": (CELLS, at("cell")),
    "task/sigmoid": (["adding"], at("task")),
    "cell/conf/cell/own.yaml": (CELLS, at("cell")),
    "cell/conf/own.yaml": (CELLS, at("cell")),
    "block/Off": (["plain"], at("block")),
    "task/off": (["adding"], at("task")),
    "experiment/parity_quick": (EXPERIMENTS, at("experiment")),
    "experiment/party_quick": (EXPERIMENTS, at("experiment")),
    "cell/gruu": (CELLS, at("cell")),
    "output_unit/hiden": (["hidden"], at("output_unit")),
    "task/x": ([f"task_{k}" for k in range(30)], at("task")),
    # Hydra lists no options for the defaults of a file.
    "cell/grru": ([], at("cell")),
    "gru": (CELLS, None),
    "cell/": (CELLS, None),
}


@pytest.fixture(autouse=True)
def here(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize("file", NOT_FOUND)
def test_what_is_not_found_is_answered_with_what_to_type(file):
    options, check = NOT_FOUND[file]
    error = sources.not_found(MissingConfigException("", file, options), ())
    assert (error is None) if check is None else check(error)


def test_a_cell_that_a_file_inherits_is_answered_with_the_file():
    os.makedirs("conf/cell")
    Path("conf/cell/own.yaml").write_text("notes: a\n\ndefaults: [grru, _self_]\n")
    check = at("cell.defaults", names=("own.yaml, line 3: ",))
    with pytest.raises(ConfigError, check=check):
        compose(["cell=own"])


def _folders(plugins, trusted, further):
    """Return the paths of the sources of folders, in their order, before those of gatekit."""
    path = [
        (each.provider, each.path)
        for each in sources.search_path(plugins, trusted, further).get_path()
        if each.provider in ("folder", "main", "registry")
    ]
    assert [provider for provider, _ in path[-2:]] == ["main", "registry"]
    assert path[-2][1] == "pkg://gatekit.conf"
    assert path[-1][1].startswith("registered://all")
    return [text for _, text in path[:-2]]


@pytest.mark.parametrize("folder", ["conf", "x?plugins=a.py,b 100%41", "a%2Cb"])
@pytest.mark.parametrize("plugins", [(), ("a.py",), ("one,two.py", "100%.py")])
def test_the_string_of_a_source_is_read_as_it_was_written(folder, plugins, monkeypatch):
    os.makedirs("later")
    known = types.SimpleNamespace(config_folders=[Path("later").absolute()])
    monkeypatch.setattr(sources.components, "load", lambda names: known)
    for trusted, kind in ((False, sources.CheckedSource), (True, sources.TrustedSource)):
        texts = _folders(plugins, trusted, folder)
        assert [text.partition("://")[0] for text in texts] == [kind.scheme()] * 2
        source, later = (kind("folder", text) for text in texts)
        assert (source.folder, source.plugins) == (Path(folder).absolute(), plugins)
        assert (later.folder, later.plugins) == (Path("later").absolute(), plugins)
        assert source.trusted is trusted
        assert not source.available()
    os.makedirs(folder)
    assert source.available()


def test_a_folder_of_your_own_is_searched_and_gatekits_only_once():
    assert _folders((), False, None) == []
    os.makedirs("conf")
    assert _folders((), False, None) == [f"checked://{Path('conf').absolute()}"]


def test_a_source_knows_its_groups_and_files():
    os.makedirs("conf/cell")
    os.makedirs("conf/other")
    Path("conf/cell/mine.yaml").write_text("defaults: [lstm, _self_]\n")
    Path("conf/cell/gone.yaml").symlink_to("nowhere.yaml")
    checked = sources.CheckedSource("folder", f"checked://{Path('conf').absolute()}")
    trusted = sources.TrustedSource("folder", f"trusted://{Path('conf').absolute()}")
    for source, other in ((checked, False), (trusted, True)):
        assert [source.is_group(name) for name in ("", "cell", "cell/", "task")] == [
            *(True, True, True, False)
        ]
        assert source.is_group("other") is other
        found = [source.is_config(f"cell/{name}") for name in ("mine", "gone", "none")]
        assert found == [True, True, False]
        assert source.list("cell", None) == ["gone", "mine"]


def test_the_registry_is_a_source_without_files():
    source = sources.RegistrySource("registry", "registered://all")
    assert [source.is_group(name) for name in ("task", "task/", "cell", "trainer")] == [
        *(True, True, True, False)
    ]
    assert source.is_config("task/adding")
    assert source.is_config("task/adding.yaml")
    assert not source.is_config("task/none")
    assert not source.is_config("trainer/adding")
    assert {"adding"} <= set(source.list("task/", None))
    assert source.list("task", None) == sorted(source.list("task", None))
    config = source.load_config("task/adding").config
    assert config.name == "adding"
    assert config.length > 0
    assert source.load_config("output_unit/hidden").config == {"kind": "hidden"}


def test_only_sweeps_have_their_references_hidden():
    given = {
        "units": "${a}",
        "params": {"x": "${b}", "y": ["${c}", 3]},
        "hydra": {"sweeper": {"params": {"z": "${d}"}}},
        "grids": ["${e}"],
    }
    kept = sources.KEPT + "{"
    assert sources._escaped(given) == {
        "units": "${a}",
        "params": {"x": f"{kept}b}}", "y": [f"{kept}c}}", 3]},
        "hydra": {"sweeper": {"params": {"z": f"{kept}d}}"}}},
        "grids": [f"{kept}e}}"],
    }
