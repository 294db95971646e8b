"""``gatekit check``: names, files that nobody trusts, and exit codes; no check is run in vain."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import processes
import pytest
from bounded import bounded
from seams import from_file, loading, main

from gatekit import GatekitError

GATE = '''
from gatekit import Gate, hookimpl, ops


class Mine(Gate):
    """Mine: ``value = sigmoid(pre)``.

    Reference: unpublished
    """

    scale: float = 1.0

    def activate(self, pre):
        return self.scale * ops.sigmoid(pre)


@hookimpl
def gatekit_gates():
    return {"mine": Mine}
'''
GOOD = "gates: {g: {kind: tanh}}\nequations: {h: g + h_prev / 2}\nemits: h\n"


@pytest.fixture
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Work in an empty folder with a gate in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    (tmp_path / "plugins").mkdir()
    (tmp_path / "plugins" / "mine.py").write_text(GATE)
    return tmp_path


def test_one_check_is_shown(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["check", "mine", "--only", "documented"]) == 0
    out = capsys.readouterr().out
    assert out.splitlines() == ["gate mine", "  PASS  documented", "1 passed"]


def test_a_file_s_name_without_its_folder_is_that_of_a_plugin(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["check", "mine.py"]) != 0
    assert capsys.readouterr().err == "gatekit: there is no file mine.py\n"


def test_the_version_of_the_contract_that_a_plugin_declares_is_read(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (place / "plugins/mine.py").write_text(f'requires_api = "1"\n{GATE}')
    assert main(["check", "mine", "--only", "documented"]) == 0
    first, *_ = capsys.readouterr().out.splitlines()
    assert first == "gate mine, written for version 1 of the plugin contract"
    (place / "plugins/mine.py").write_text(f'requires_api = "2"\n{GATE}')
    loading._registry.cache_clear()
    assert main(["check", "mine"]) == 2
    assert "it asks for version 2" in capsys.readouterr().err


def test_a_broken_cell_beside_it_is_no_failure_of_a_gate(place: Path) -> None:
    (place / "conf/cell").mkdir(parents=True)
    (place / "conf/cell/tabs.yaml").write_text("gates:\n\tg: {kind: tanh}\n")
    (place / "conf/cell/syntax.yaml").write_text(GOOD.replace("h_prev", "h_{t-1}"))
    assert main(["check", "mine", "--only", "asks_for_known"]) == 0


def test_a_failure_has_its_reason_and_the_exit_code_is_1(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = place / "plugins" / "mine.py"
    path.write_text(GATE.replace("    Reference: unpublished\n", ""))
    assert main(["check", "mine", "--only", "documented"]) == 1
    out = capsys.readouterr().out
    assert "FAIL  documented             the docstring names no reference" in out
    assert max(map(len, out.splitlines())) <= 100


def test_one_mistake_is_told_once(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = place / "plugins" / "mine.py"
    path.write_text(GATE.replace("self.scale * ops", "self.scael * ops"))
    only = [word for name in ("shape_kept", "gradient", "rows_apart") for word in ("--only", name)]
    assert main(["check", "mine", *only]) == 1
    out = capsys.readouterr().out
    assert out.count("'scael'") == 1
    assert "return self.scael * ops.sigmoid(pre)" in out
    alike, summary = out.splitlines()[-2:]
    assert alike == "  FAIL  2 more for the same reason as shape_kept"
    assert summary == "0 passed, 3 failed"


def test_json_has_every_outcome_and_options_reach_the_gate(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["check", "mine", "scale=1.5", "--only", "gradient", "--only", "shape_kept", "--json"]
    assert main(words) == 0
    (suite,) = json.loads(capsys.readouterr().out)
    assert suite["checked"] == "gate mine"
    assert [o["check"] for o in suite["outcomes"]] == ["shape_kept", "gradient"]
    assert {o["status"] for o in suite["outcomes"]} == {"PASS"}


def test_a_plugin_is_checked_with_all_that_it_registers(
    place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    two = GATE.replace('{"mine": Mine}', '{"mine": Mine, "other": Mine}')
    (place / "plugins" / "mine.py").rename(place / "plugins" / "both.py")
    (place / "plugins" / "both.py").write_text(two)
    assert main(["check", "both", "--only", "shape_kept"]) == 0
    out = capsys.readouterr().out
    assert [line for line in out.splitlines() if "gate" in line] == ["gate mine", "gate other"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (["mien"], "did you mean 'mine'?"),
        (["nothing_here"], "'nothing_here'"),
        ([], "one name or file, not 0"),
        (["mine", "forget"], "one name or file, not 2: forget, mine"),
        (["mine", "--only", "gradiant"], "did you mean 'gradient'?"),
        (["nowhere.yaml"], "there is no file nowhere.yaml"),
        (["lstm", "depth=3"], "takes units= and features="),
        (["lstm", "units=0"], "positive integers"),
        (["mine", "scale=[1"], "is not YAML"),
        (["mine", "scael=1"], "scale"),
    ],
)
def test_what_cannot_be_checked_is_told(
    words: list[str], says: str, place: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    code = main(["check", *words])
    told = capsys.readouterr()
    assert code == 2 or "FAIL" in told.out
    assert says in told.err + told.out.replace("\n", " ")


def test_a_broken_plugin_is_named(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "plugins" / "torn.py").write_text("import nonesuch\n")
    assert main(["check", "torn"]) == 2
    assert "torn (plugins/torn.py): ModuleNotFoundError" in capsys.readouterr().err


@pytest.mark.slow
def test_a_cell_in_a_file_and_by_name(place: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (place / "mine.yaml").write_text(GOOD)
    for what in ("mine.yaml", "lstm"):
        assert main(["check", what, "units=4", "--only", "memory_length", "--only", "causal"]) == 0
        assert "2 passed" in capsys.readouterr().out


# What a file must not do.
UNTRUSTED: dict[str, tuple[bytes, str]] = {
    "python-tag": (b"gates: !!python/object/apply:os.system ['touch owned']", "the tag"),
    "alias-bomb": (
        b"a: &a [x, x, x, x, x, x, x, x, x, x]\n"
        + b"".join(
            b"%c: &%c [%s]\n" % (c + 1, c + 1, b", ".join([b"*%c" % c] * 10))
            for c in range(ord("a"), ord("i"))
        ),
        "more than 10,000 values",
    ),
    "deep": (b"a: " + b"[" * 5000, "nested deeper than 40"),
    "large": (b"a: " + b"x" * 70_000, "such a file has at most"),
    "binary": (b"\x7fELF\x00\x00\xff", "not"),
    "utf16": ("gates: {}".encode("utf-16"), "byte order mark"),
    "bom": (b"\xef\xbb\xbfgates: {}", "byte order mark"),
    "empty": (b"", "is empty"),
    "comments": (b"# nothing\n", "is empty"),
    "target": (b"gates: {g: {_target_: os.system}}", "_target_ is refused"),
    "callbacks": (b"hydra: {callbacks: {a: {}}}", "hydra is not a key of a cell"),
    "logging": (b"hydra.job_logging: {}", "hydra.job_logging is not a key of a cell"),
    "run-dir": (b"hydra: {run: {dir: /tmp/x}}", "hydra is not a key of a cell"),
    "a-plugin": (b"plugins: [evil.py]", "plugins is not a key of a cell"),
    "an-experiment": (b"task: {name: adding}", "task is not a key of a cell"),
    "an-environment-variable": (b"name: ${oc.env:HOME}", "resolves references"),
    "a-resolver": (b"notes: ${evil:1}", "resolves references"),
    "an-override-of-hydra": (b"defaults: [override hydra/launcher: evil]", "cell.defaults="),
    "another-folder": (b"defaults: [../../etc/passwd]", "cell.defaults="),
    "a-loop": (b"function: rhn\ndepth: 100000000", "cell.depth=100000000"),
    "a-width": (GOOD.replace("tanh}", "tanh, units: 1000000}").encode(), "at most"),
    "an-attribute": (b"gates: {g: {activation: pre.__class__}}", "pre.__class__\n"),
    "an-import": (GOOD.replace("g + h", "__import__('os') + h").encode(), "'__import__'\n"),
    "html": (b"'<script>alert(1)</script>': 1", "<script>"),
    "unknown": (b"gatse: {}", "cell.gatse"),
}


@pytest.mark.parametrize("case", UNTRUSTED)
def test_a_file_that_nobody_trusts_is_refused_at_once(case: str, place: Path) -> None:
    data, says = UNTRUSTED[case]
    path = place / "untrusted.yaml"
    path.write_bytes(data)
    (place / "evil.py").write_text("raise SystemExit('evil ran')\n")
    with bounded(), pytest.raises(GatekitError) as caught:
        from_file(path)
    assert says in str(caught.value)
    assert "untrusted.yaml" in str(caught.value)
    assert not (place / "owned").exists()


@pytest.mark.slow
def test_for_a_file_hydra_is_not_even_imported_and_libraries_are_quiet(place: Path) -> None:
    (place / "mine.yaml").write_text(GOOD)
    code = (
        "import sys\nfrom gatekit.cli.main import main\n"
        "main(['check', 'mine.yaml', '--only', 'not_saturated'])\n"
        "print(sorted({'hydra', 'omegaconf', 'evil'} & set(sys.modules)))"
    )
    done = processes.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
    assert done.stderr == ""
