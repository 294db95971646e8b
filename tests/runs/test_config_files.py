"""Configurations read section by section mean what YAML says they mean."""

from __future__ import annotations

from pathlib import Path

import pytest
import yaml

from gatekit.runs.config import ConfigReader, dumped, flatten, read, untyped

CONFIG = {
    "study": "demo",
    "cell": {
        "name": "lstm",
        "gates": {"forget": {"kind": "forget", "bias": 1.0}, "input": {"kind": "input"}},
        "update": "c = forget * c_prev + input",
        "notes": "two lines,\n\nand a: colon",
    },
    "swap": {"forget": "power_law"},
    "optimizer": {"name": "adam", "learning_rate": 1e-05, "clipnorm": None},
    "plugins": [],
    "seed": 3,
}


@pytest.mark.parametrize("sort", [True, False])
def test_a_configuration_is_read_as_yaml_reads_it(sort: bool) -> None:
    text = yaml.safe_dump(CONFIG, sort_keys=sort)
    assert ConfigReader().read(text.encode()) == yaml.safe_load(text)


def test_what_is_written_is_read_back(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(dumped(CONFIG))
    assert read(path) == CONFIG
    assert list(read(path)) == list(CONFIG)


@pytest.mark.parametrize(
    "text",
    [
        "a: 1\nb:\n- 1\n- 2\nc: {d: [1,\n  2]}\n",
        'a: "one\nb: two"\nc: 3\n',
        "a: &x {k: 1}\nb: *x\n",
        "a: |\n  b: 1\n\n  c: 2\nd: 3\n",
        "# comment\na: 1\n\n# another\nb: 2\n",
        "a: 1\nb: 2\na: 3\n",
        "? a\n: 1\nb: 2\n",
        "---\na: 1\nb: 2\n",
        "{a: 1, b: 2}\n",
    ],
)
def test_every_spelling_means_what_the_whole_document_means(text: str) -> None:
    reader = ConfigReader()
    assert reader.read(text.encode()) == yaml.safe_load(text)
    assert reader.read(text.encode()) == yaml.safe_load(text)


@pytest.mark.parametrize(
    ("data", "says"),
    [
        (b"", "no keys"),
        (b"- 1\n- 2\n", "not a mapping"),
        (b"a: [1\n", "expected"),
        (b"a: !!python/object/apply:os.system [true]\n", "could not determine"),
        (b"\xff\xfe\x00", "utf-8"),
        (b"a: " + b"x" * 2_000_000, "more than a run configuration has"),
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nesting"),
    ],
)
def test_what_is_no_configuration_is_said(data: bytes, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        ConfigReader().read(data)


def test_an_alias_bomb_is_refused() -> None:
    lines = ["a0: &a0 [x, x, x, x, x, x, x, x]"]
    lines += [f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 8)}]" for i in range(1, 12)]
    with pytest.raises(ValueError, match="more than 20000 values"):
        ConfigReader().read("\n".join(lines).encode())


def test_plugins_that_were_not_typed_are_named() -> None:
    recorded = {"plugins": ["a.py", "b.py"]}
    assert "trained with plugins=[a.py,b.py]: type this, too" in untyped(recorded, [])
    assert untyped(recorded, ["a.py"]) == ""
    assert untyped({"plugins": []}, []) == untyped({"plugins": "a.py"}, []) == ""


def test_nested_keys_become_dotted_and_empty_mappings_vanish() -> None:
    assert flatten({"a": {"b": 1, "c": {"d": [1, 2]}}, "e": {}, "f": None}) == {
        "a.b": 1,
        "a.c.d": [1, 2],
        "f": None,
    }
