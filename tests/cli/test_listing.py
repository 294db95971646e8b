"""Lists of what is registered, and of the plugins that registered it."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import processes
import pytest
from seams import main, write_table

LISTS = ["cells", "gates", "output-units", "tasks", "functions"]
GATE = '''
from gatekit import Gate, hookimpl, ops


class Halved(Gate):
    """Half of a sigmoid.

    Reference: A. Stranger, On Halves (2026),
        doi:10.1000/half
    """

    def activate(self, pre):
        return ops.sigmoid(pre) / 2


@hookimpl
def gatekit_gates():
    return {"halved": Halved}
'''


def listed(argv: list[str], capsys: pytest.CaptureFixture[str]) -> dict[str, dict[str, Any]]:
    """Return the rows that a list writes as JSON, by name."""
    assert main([*argv, "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert all({"name", "origin", "reference"} <= set(row) for row in rows)
    assert len({row["name"] for row in rows}) == len(rows)
    return {row["name"]: row for row in rows}


@pytest.mark.parametrize(
    ("command", "some"),
    [
        ("cells", {"lstm", "gru", "peephole", "tutorial"}),
        ("gates", {"forget", "power_law", "coupled"}),
        ("output-units", {"hidden", "memory", "projection", "gated", "glu", "mix_last"}),
        ("tasks", {"adding", "delayed_recall", "jsb_music21"}),
        ("functions", {"sigmoid", "tanh", "cumax"}),
    ],
)
def test_bundled(command: str, some: set[str], capsys: pytest.CaptureFixture[str]) -> None:
    rows = listed([command], capsys)
    assert some <= set(rows)
    assert {rows[name]["origin"] for name in some} == {"gatekit"}


def test_a_gate_has_its_reference_and_summary(capsys: pytest.CaptureFixture[str]) -> None:
    row = listed(["gates"], capsys)["power_law"]
    assert "arXiv:2105.05944" in row["reference"]
    assert row["summary"].startswith("A forget gate")


def test_your_plugins_come_first_then_broken_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "zebra.py").write_text(GATE)
    (tmp_path / "plugins" / "ant.py").write_text("import nonesuch\n")
    monkeypatch.chdir(tmp_path)
    rows = list(listed(["plugins"], capsys).values())
    assert [(row["name"], row["state"]) for row in rows[:2]] == [
        ("zebra", "loaded"),
        ("ant", "broken"),
    ]
    assert {row["origin"] for row in rows[2:]} == {"gatekit"}


def test_a_task_has_its_metric_and_chance(capsys: pytest.CaptureFixture[str]) -> None:
    rows = listed(["tasks"], capsys)
    adding, chorales = rows["adding"], rows["jsb_music21"]
    assert (adding["metric"], adding["direction"], adding["chance"]) == ("mse", "min", 0.1667)
    # to compute it needs the data
    assert (chorales["metric"], chorales["chance"]) == ("nll", None)


def test_a_strangers_gate(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "halved.py").write_text(GATE)
    monkeypatch.chdir(tmp_path)
    row = listed(["gates"], capsys)["halved"]
    assert row["origin"] == "plugins/halved.py"
    assert row["reference"] == "A. Stranger, On Halves (2026), doi:10.1000/half"


def test_a_gate_from_a_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "halved.py"
    file.write_text(GATE)
    assert "halved" not in listed(["gates"], capsys)
    assert "halved" in listed(["gates", "--plugin", str(file)], capsys)


@pytest.mark.parametrize("command", [*LISTS, "plugins"])
def test_tables_fit_100_columns(command: str, capsys: pytest.CaptureFixture[str]) -> None:
    rows = listed([command], capsys)
    assert main([command]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert max(map(len, lines)) <= 100
    assert [name for name in rows if not any(line.startswith(name) for line in lines)] == []


def test_plugins_say_what_they_provide(capsys: pytest.CaptureFixture[str]) -> None:
    rows = listed(["plugins"], capsys)
    provided = {thing for row in rows.values() for thing in row["provides"]}
    assert {"gates.forget", "output_units.hidden", "tasks.adding"} <= provided
    assert {row["state"] for row in rows.values()} == {"loaded"}


def test_a_broken_plugin_is_listed_with_its_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "torn.py").write_text("raise RuntimeError('torn apart')\n")
    monkeypatch.chdir(tmp_path)
    broken = [row for row in listed(["plugins"], capsys).values() if row["state"] == "broken"]
    assert len(broken) == 1
    assert "torn" in broken[0]["name"]
    assert "torn apart" in broken[0]["reason"]
    assert "RuntimeError" in broken[0]["traceback"]
    monkeypatch.setenv("COLUMNS", "160")
    assert main(["plugins"]) == 0
    assert "torn apart" in capsys.readouterr().out


@pytest.mark.parametrize("command", ["cells", "gates", "tasks"])
def test_a_list_has_a_line_for_each_thing_at_80_columns(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = listed([command], capsys)
    monkeypatch.setenv("COLUMNS", "80")
    assert main([command]) == 0
    _, _, *lines = capsys.readouterr().out.splitlines()
    assert [line.split()[0] for line in lines[: len(rows)]] == list(rows)
    assert max(map(len, lines)) <= 80
    # what is cut is whole elsewhere
    assert lines[len(rows)].endswith("--json has all.")


def test_a_list_that_does_not_fit_becomes_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("COLUMNS", "50")
    assert main(["cells"]) == 0
    text = capsys.readouterr().out
    assert max(map(len, text.splitlines())) <= 50
    assert "name       antisymmetric_rnn\nyear       2019\n" in text
    assert "arXiv:1902.09689" in text


def test_a_column_is_left_out_before_a_table_becomes_blocks(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    rows = [{"name": "n" * 20, "what": "w" * 20, "origin": "o" * 20}]
    for columns, spare, first, last in (
        (66, "origin", "name", "o" * 20),
        (58, "origin", "name", "oo"),
        (55, "origin", "name", "no room for origin: widen the terminal, or type --json"),
        (55, "", "\u2500\u2500 row 1", "o" * 20),
    ):
        monkeypatch.setenv("COLUMNS", str(columns))
        write_table(rows, ("name", "what", "origin"), spare)
        lines = capsys.readouterr().out.splitlines()
        assert lines[0].startswith(first)
        assert last in lines[-1]


def test_listing_imports_no_tensorflow() -> None:
    commands = [*LISTS, "plugins"]
    code = (
        f"import sys; from gatekit.cli.main import main\nfor name in {commands}: main([name])\n"
        "print(sorted({'tensorflow', 'keras'} & set(sys.modules)))"
    )
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"


def test_requirements_name_distributions_and_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from gatekit import __version__

    site = tmp_path / "site"
    info = site / "stranger_gates-1.2.dist-info"
    info.mkdir(parents=True)
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: stranger-gates\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text("[gatekit]\nstranger = stranger_gates_of_a_test\n")
    (site / "stranger_gates_of_a_test.py").write_text(GATE.replace("halved", "distributed"))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "halved.py").write_text(GATE)
    monkeypatch.syspath_prepend(str(site))
    monkeypatch.setenv("GATEKIT_LOAD_PLUGINS", "stranger-gates")
    monkeypatch.chdir(tmp_path)
    for command in ("gates", "plugins"):
        assert main([command, "--requirements"]) == 0
        assert capsys.readouterr().out.splitlines() == [
            "stranger-gates==1.2",
            "# copy this file: plugins/halved.py",
            f"# install from its source: gatekit {__version__}",
        ]
    # What pip installed from a folder is not asked for by name, which a stranger may own.
    (info / "direct_url.json").write_text('{"url": "file:///stranger", "dir_info": {}}')
    assert main(["gates", "--requirements"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert "# install from its source: stranger-gates 1.2" in lines
    assert all(line.startswith("#") for line in lines)
    row = listed(["gates"], capsys)["distributed"]
    assert (row["distribution"], row["version"]) == ("stranger-gates", "1.2")
    assert row["hooks"] == ["gatekit_gates"]


def test_what_is_left_out_is_told_below_each_list(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "torn.py").write_text("import nonesuch\n")
    monkeypatch.chdir(tmp_path)
    assert main(["gates"]) == 0
    out = capsys.readouterr().out
    assert "left out: torn (plugins/torn.py): ModuleNotFoundError" in out
    assert max(map(len, out.splitlines())) <= 100


def test_a_plugin_without_names_is_listed_by_its_hook(
    capsys: pytest.CaptureFixture[str],
) -> None:
    rows = listed(["plugins"], capsys)
    assert rows["flag_loss"]["provides"] == ["callbacks"]
    assert rows["bundled_conf"]["provides"] == ["config_dirs"]


def test_every_hook_is_used_by_a_bundled_plugin(capsys: pytest.CaptureFixture[str]) -> None:
    from seams import HOOKS

    used = {hook for row in listed(["plugins"], capsys).values() for hook in row["hooks"]}
    assert used == set(HOOKS)


def test_a_task_is_shown_with_its_options_and_what_is_known(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["tasks", "adding"]) == 0
    text = capsys.readouterr().out
    assert text.startswith("adding: Uniform numbers")
    for part in ("task.markers (halves): ", "metric: mse (min), squared error", "published: Bai"):
        assert part in text
    assert max(map(len, text.splitlines())) <= 80
    assert main(["tasks", "adding", "--json"]) == 0
    data = json.loads(capsys.readouterr().out)
    assert {"name": "length", "default": 100, "text": "steps of a sequence."} in data["options"]
    assert data["data"] == "streamed"
    assert data["chance"].startswith("1/6")


def test_a_task_of_your_own_is_shown_and_an_unknown_one_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    assert main(["new", "task", "mine"]) == 0
    capsys.readouterr()
    own = ["--plugin", "plugins/mine.py"]
    assert main(["tasks", "mine", *own]) == 0
    assert capsys.readouterr().out.startswith("mine: ")
    assert main(["tasks", "mime", *own]) == 2
    assert "did you mean 'mine'?" in capsys.readouterr().err
