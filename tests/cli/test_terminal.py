"""No command passes a control sequence from a file to the terminal."""

from __future__ import annotations

import json
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml
from compare.synthetic import configuration, write_run
from seams import main

# OSC sets a title, CSI clears the screen, C1 colours, bidi marks reverse, \r and \b overwrite
EVIL = "a\x1b]0;title\x07\x1b[2J\x9b31m\u202eb\u2066c\u200bd\re\bf\x00g"
_LIVE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2060-\u2069]")

COMMANDS = [
    ["status", "demo", "--runs"],
    ["status", "nothing"],
    ["failures", "demo"],
    ["logs", "RUN"],
    ["prune", "demo"],
    ["compare", "demo"],
    ["compare", "demo", "--csv"],
    ["compare", "demo", "--markdown"],
    ["compare", "demo", "--notes"],
    ["compare", "demo", "--baseline", EVIL],
    ["compare", EVIL],
    ["why", "demo/RUN", "demo/OTHER"],
    ["why", "demo/RUN", "x"],
    ["plugins"],
    ["gates"],
    ["gates", "--plugin", "loud.py"],
    ["functions"],
    ["cells"],
    ["show", "cell=evil"],
    ["show", "cell=worse"],
    ["cite", "cell=evil"],
    ["check", "conf/cell/worse.yaml"],
    ["report", "demo", "--to", "x.html"],
    ["bundle", "demo"],
    ["import", "evil.zip"],
    ["data", "verify", EVIL],
    ["train", "cell=worse"],
    ["train", "cell=evil", f"task={EVIL}"],
    ["plan", "cell=worse"],
]
"""Every command that reads files; RUN and OTHER are ids."""


def evil(seed: int, **changes: str) -> dict[str, Any]:
    """Return a run's configuration with hostile names."""
    names = {"cell__name": EVIL, "optimizer__note": EVIL, "task__name": EVIL, **changes}
    return configuration("lstm", seed, **names)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working folder in which every string that a stranger can choose is hostile."""
    folder = tmp_path_factory.mktemp("here")
    (folder / "experiments" / "studies\x1b[2J").mkdir(parents=True)
    runs = folder / "experiments" / "demo" / "runs"
    for seed in range(2):
        for name in (EVIL, "lstm"):
            config = evil(seed, cell__name=name)
            found = write_run(runs, config, 8.6, warnings=[EVIL], executor=EVIL, data_hash=EVIL)
            (found / "env.json").write_text(json.dumps({"cpu": name, "versions": {name: EVIL}}))
            (found / "log.txt").write_text(f"{EVIL}\n")
    failed = write_run(runs, evil(7), state="FAILED", reason=EVIL)
    (failed / "log.txt").write_text(f"{EVIL}\n")
    (folder / "experiments" / "demo" / "plan-1.json").write_text(json.dumps({"command": EVIL}))
    (folder / "plugins").mkdir()
    (folder / "plugins" / "broken.py").write_text(f"raise ValueError({EVIL!r})\n")
    (folder / "plugins" / "torn\x1b[2J.py").write_text("def (\x1b[2J\n")
    (folder / "loud.py").write_text(
        f"import gatekit\n\nprint({EVIL!r})\n\n\nclass Loud(gatekit.Gate):\n"
        '    """A gate."""\n\n    activation = "sigmoid"\n\n\nLoud.__doc__ = '
        f"{EVIL!r}\n\n\n@gatekit.hookimpl\ndef gatekit_gates():\n    return {{'loud': Loud}}\n"
    )
    (folder / "conf" / "cell").mkdir(parents=True)
    cell = {"gates": {"h": {"kind": "candidate"}}, "emits": "h", "reference": EVIL, "notes": EVIL}
    (folder / "conf" / "cell" / "evil.yaml").write_text(yaml.safe_dump(cell))
    (folder / "conf" / "cell" / "worse.yaml").write_text(yaml.safe_dump({**cell, EVIL: EVIL}))
    (folder / "evil.zip").write_text(EVIL)
    return folder


@pytest.mark.parametrize("argv", COMMANDS, ids=lambda argv: ascii(" ".join(argv)[:40]))
def test_nothing_from_a_file_controls_the_terminal(
    argv: list[str],
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    capfd: pytest.CaptureFixture[str],
) -> None:
    monkeypatch.chdir(folder)
    monkeypatch.setattr(sys, "argv", ["gatekit"])
    first, *_, last = sorted(p.name for p in (folder / "experiments/demo/runs").iterdir())
    words = [word.replace("RUN", first).replace("OTHER", last) for word in argv]
    main(words)
    shown, said = capfd.readouterr()
    assert shown + said
    assert _LIVE.findall(shown + said) == []


@pytest.mark.parametrize("command", ["status", "failures", "compare"])
def test_json_holds_the_strings_and_no_control(
    command: str, folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(folder)
    main([command, "demo", "--json"])
    shown = capsys.readouterr().out
    assert _LIVE.findall(shown) == []
    assert any(EVIL in str(value) for value in _strings(json.loads(shown)))


def _strings(data: Any) -> Iterator[Any]:
    if isinstance(data, dict):
        data = [*data.keys(), *data.values()]
    if isinstance(data, list):
        for item in data:
            yield from _strings(item)
    else:
        yield data
