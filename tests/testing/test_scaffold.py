"""What ``gatekit new`` writes works at once, and nothing is overwritten."""

from __future__ import annotations

import importlib
import os
import sys
import sysconfig
import tomllib
import venv
from pathlib import Path

import processes
import pytest
from seams import IN_A_LAYER, compose, load_alone, loading, main, scaffold

from gatekit import ConfigError, registry
from gatekit.testing import checks

KINDS = tuple(scaffold.KINDS)
QUICK = ("everything_learns", "executors_agree", "saves_and_loads")


def new(*words: str) -> None:
    """Type ``gatekit new``; what is typed next runs in a process of its own."""
    assert main(["new", *words]) == 0
    loading._registry.cache_clear()


def test_a_plugin_loads_alone_beside_a_folder_named_gatekit(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    clone = str(Path(__file__).parents[2])
    monkeypatch.setattr(sys, "path", [f for f in sys.path if f not in ("", clone)])
    (tmp_path / "gatekit").mkdir()
    new("gate", "warm")
    assert load_alone("gates", "plugins/warm.py")["error"] == ""


@pytest.mark.one_in(5)
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_plugin_passes_at_once(kind: str, place: Path) -> None:
    new(kind, "slow_leak")
    assert (place / "plugins" / "slow_leak.py").is_file()
    for check in checks(scaffold.KINDS[kind], "slow_leak"):
        # The rest of the checks in a layer takes seconds: test_bundled has them in CI.
        if check.name not in IN_A_LAYER or check.name in QUICK:
            check()


@pytest.mark.one_in(5)
@pytest.mark.parametrize("kind", KINDS)
def test_a_new_package_is_found_by_its_entry_point(
    kind: str, place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    name = f"leak_{scaffold.KINDS[kind]}"
    new(kind, name, "--package")
    root = place / f"gatekit-{name.replace('_', '-')}"
    project = tomllib.loads((root / "pyproject.toml").read_text())["project"]
    # A stranger may own the name gatekit on an index, so pip must not look for it.
    assert project["dependencies"] == []
    # Installed as pip would: its metadata and its sources lie in a folder of sys.path.
    info = root / "src" / f"gatekit_{name}-{project['version']}.dist-info"
    info.mkdir()
    head = f"Metadata-Version: 2.1\nName: {project['name']}\nVersion: {project['version']}\n"
    (info / "METADATA").write_text(head)
    entries = "".join(f"{k} = {v}\n" for k, v in project["entry-points"]["gatekit"].items())
    (info / "entry_points.txt").write_text(f"[gatekit]\n{entries}")
    monkeypatch.syspath_prepend(str(root / "src"))
    monkeypatch.setenv("GATEKIT_LOAD_PLUGINS", project["name"])
    importlib.invalidate_caches()
    origin = registry.origins(scaffold.KINDS[kind])[name]
    assert (origin.distribution, origin.version) == (project["name"], "0.1.0")
    assert root / "src" / f"gatekit_{name}" / "conf" in registry.config_folders()
    for check in checks(scaffold.KINDS[kind], name):
        if check.name not in IN_A_LAYER:
            check()
    # Hydra sees what the package brings at once.
    example = "experiment=" if kind in ("output-unit", "block", "task") else "cell="
    stem = scaffold._EXAMPLES[scaffold.KINDS[kind]].format(name=name).split("/")[1]
    ((_, config),) = compose([example + stem.removesuffix(".yaml"), "seed=3"])
    assert name in str(config)
    compile((root / "tests" / f"test_{name}.py").read_text(), "test", "exec")


def test_a_file_in_plugins_becomes_a_package(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    new("gate", "leaky")
    own = place / "plugins" / "leaky.py"
    own.write_text(own.read_text().replace("0.1", "0.3"))
    new("gate", "leaky", "--package")
    packed = (place / "gatekit-leaky/src/gatekit_leaky/__init__.py").read_text()
    assert packed.startswith(own.read_text())
    assert packed.count("def gatekit_config_dirs") == 1
    # both would register the name, so that the file has to step aside
    assert "mv plugins/leaky.py plugins/_leaky.py" in capsys.readouterr().out


def test_a_file_that_cannot_take_the_hook_is_refused(place: Path) -> None:
    new("gate", "leaky")
    own = place / "plugins" / "leaky.py"
    text = own.read_text().replace("Gate, hookimpl, ops", "Gate, ops\nimport gatekit")
    own.write_text(text.replace("@hookimpl", "@gatekit.hookimpl"))
    loading._registry.cache_clear()
    with pytest.raises(ConfigError, match="does not import hookimpl from gatekit"):
        scaffold.package("gate", "leaky", "0.1.0")


@pytest.mark.parametrize(
    "words", [("gate", "leaky"), ("gate", "leaky", "--package"), ("project", "mine")]
)
def test_nothing_is_overwritten(
    words: tuple[str, ...], place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def files() -> dict[Path, bytes]:
        # Python may compile what it imports.
        every = (p for p in place.rglob("*") if p.is_file() and p.parent.name != "__pycache__")
        return {path: path.read_bytes() for path in every}

    new(*words)
    before = files()
    assert main(["new", *words]) == 2
    assert "already exists" in capsys.readouterr().err
    assert files() == before


def test_a_file_of_that_name_is_never_touched(place: Path) -> None:
    (place / "plugins").mkdir()
    (place / "plugins" / "leaky.py").write_text("# mine\n")
    with pytest.raises(ConfigError, match="nothing is overwritten"):
        scaffold.plugin("gate", "leaky")


@pytest.mark.parametrize(
    ("kind", "name", "says"),
    [
        ("gate", "Leaky", "at most 40"),
        ("gate", "SlowLeak", "at most 40"),
        ("gate", "../evil", "at most 40"),
        ("gate", "1st", "at most 40"),
        ("gate", "a" * 41, "at most 40"),
        ("gate", "", "at most 40"),
        ("gate", "lambda", "reserved in Python"),
        ("gate", "pre", "reserved in Python or in cells"),
        ("gate", "sigmoid", "is a function"),
        ("gate", "forget", "already exists"),
        ("output-unit", "hidden", "already exists"),
        ("task", "adding", "already exists"),
        ("function", "tanh", "is a function"),
    ],
)
def test_a_name_that_will_not_do_is_refused(kind: str, name: str, says: str, place: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        scaffold.plugin(kind, name)
    assert says in str(caught.value)
    assert list(place.iterdir()) == []


@pytest.mark.parametrize("name", ["../mine", "a/b", "-x", "", "a b"])
def test_a_project_is_a_folder_here(name: str, place: Path) -> None:
    with pytest.raises(ConfigError, match="a folder's name"):
        scaffold.project(name)


def test_a_kind_that_is_not_there_is_told(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["new", "gat", "leaky"]) == 2
    assert "did you mean 'gate'" in capsys.readouterr().err


def test_a_new_project_trains(place: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    new("project", "mine")
    monkeypatch.chdir(place / "mine")
    new("gate", "leaky")
    ((_, config),) = compose(["experiment=first", "swap.forget=leaky"])
    assert (config.study, config.task.length, config.swap.forget) == ("first", 20, "leaky")


def package_folders() -> list[str]:
    """Return where this environment's packages are."""
    return sorted({sysconfig.get_path("purelib"), sysconfig.get_path("platlib")})


@pytest.mark.slow
def test_a_new_package_is_installed_and_passes_its_own_test(place: Path) -> None:
    new("gate", "leaky", "--package")
    folder = place / "venv"
    venv.create(folder, system_site_packages=False, with_pip=False)
    site = next(folder.glob("lib/python*/site-packages"))
    # The new environment sees what this one has, gatekit among it, so that nothing is fetched.
    these = "".join(f"import site; site.addsitedir({p!r})\n" for p in package_folders())
    (site / "these.pth").write_text(these)
    python = str(folder / "bin" / "python")
    pip = [python, "-m", "pip", "install", "--no-deps", "--no-build-isolation", "--no-index"]
    processes.run([*pip, "./gatekit-leaky"], cwd=place, check=True, capture_output=True)
    done = processes.run(
        [python, "-m", "pytest", "-q", "-p", "no:cacheprovider", "gatekit-leaky"],
        cwd=place,
        env={**os.environ, "GATEKIT_LOAD_PLUGINS": "gatekit-leaky"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-3000:]
    assert "27 passed" in done.stdout
