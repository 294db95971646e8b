"""What a user left in the clone, or installed beside gatekit, does not affect the tests."""

from __future__ import annotations

import os
import sys
from pathlib import Path

import processes
import pytest

from gatekit import registry

ROOT = Path(__file__).parents[1]
OWN = '''from gatekit import Gate, hookimpl, ops


class Own(Gate):
    """``own = sigmoid(pre)``"""

    def activate(self, pre):
        return ops.sigmoid(pre)


@hookimpl
def gatekit_gates():
    return {"own_gate": Own}
'''


def test_the_working_folder_is_empty() -> None:
    assert not {"conf", "plugins", "experiments"} & set(os.listdir())
    assert not ROOT.samefile(Path.cwd())


def installed(site: Path) -> None:
    """Install a distribution with a gate into a folder of ``sys.path``."""
    info = site / "own_gates-1.0.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: own-gates\nVersion: 1.0\n")
    (info / "entry_points.txt").write_text("[gatekit]\nown = own_gates_of_a_user\n")
    (site / "own_gates_of_a_user.py").write_text(OWN)


def test_an_installed_plugin_is_not_loaded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    installed(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    monkeypatch.chdir(tmp_path)
    assert "own_gate" not in registry.catalogue().gates


def test_nor_in_a_process_that_a_test_starts(tmp_path: Path) -> None:
    installed(tmp_path)
    code = "from gatekit import registry; print('own_gate' in registry.catalogue().gates)"
    for names, found in (("", "False"), ("own-gates", "True")):
        environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
        environment |= {"GATEKIT_LOAD_PLUGINS": names} if names else {}
        done = processes.run(
            [sys.executable, "-c", code], env=environment, capture_output=True, text=True
        )
        assert done.stdout.strip() == found, done.stderr


def test_a_session_ignores_what_a_user_left(tmp_path: Path) -> None:
    # a whole session of pytest, started where a user worked and with a plugin installed
    installed(tmp_path / "site")
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "broken.py").write_text("raise SystemExit\n")
    (tmp_path / "conf" / "cell").mkdir(parents=True)
    (tmp_path / "conf" / "cell" / "lstm.yaml").write_text("broken\n")
    test = f"{ROOT / 'tests/cli/test_listing.py'}::test_plugins_say_what_they_provide"
    done = processes.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "-n", "0", test],
        cwd=tmp_path,
        env={**os.environ, "PYTHONPATH": str(tmp_path / "site")},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 0, done.stdout[-2000:]
