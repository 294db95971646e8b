"""A working folder of one's own, plugin files, and installed distributions made of two files."""

import sys

import pytest
from seams import discovery

GATE = '''"""A gate that is half open at most."""

from gatekit import Gate, hookimpl, ops


class Halved(Gate):
    """``value = sigmoid(pre) / 2``"""

    def activate(self, pre):
        """Return the value, batch x units."""
        return ops.sigmoid(pre) * 0.5  # half


@hookimpl
def gatekit_gates():
    return {"NAME": Halved}
'''


@pytest.fixture
def place(tmp_path, monkeypatch):
    """Work in an empty folder."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("GATEKIT_DISABLE_PLUGIN_AUTOLOAD", raising=False)
    return tmp_path


@pytest.fixture
def write(place):
    """Write a file below the working folder and return its path."""

    def write(name, text):
        path = place / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        return path

    return write


@pytest.fixture
def gate_file(write):
    """Write a plugin file that registers one gate."""

    def gate_file(path, name="halved"):
        return write(path, GATE.replace("NAME", name))

    return gate_file


@pytest.fixture
def install(write, monkeypatch, place):
    """Install a distribution: its metadata and sources lie in a folder of ``sys.path``."""
    before = set(sys.modules)
    installed = []

    def install(distribution, module, source, version="1.2.3", target=None):
        site = place / "site"
        write(f"site/{module}.py", source)
        info = f"site/{distribution.replace('-', '_')}-{version}.dist-info"
        head = f"Metadata-Version: 2.1\nName: {distribution}\nVersion: {version}\n"
        write(f"{info}/METADATA", head)
        write(f"{info}/entry_points.txt", f"[gatekit]\n{module} = {target or module}\n")
        monkeypatch.syspath_prepend(str(site))
        installed.append(distribution)
        monkeypatch.setenv(discovery.LOAD, ",".join(installed))
        return site / f"{module}.py"

    yield install
    for name in set(sys.modules) - before:
        if not name.startswith("gatekit"):
            del sys.modules[name]
