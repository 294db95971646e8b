"""Rows 7 to 17 of the table of faults, as far as they concern the file of a cell."""

import pytest
import yaml
from bounded import bounded
from seams import read_yaml
from seams import safe_yaml_MAX_BYTES as MAX_BYTES
from seams import safe_yaml_MAX_DEPTH as MAX_DEPTH

from gatekit import ConfigError

BOMB = "a0: &a0 [x, x, x, x, x, x, x, x, x]\n" + "".join(
    f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]\n" for i in range(1, 9)
)
DEEP = "".join(f"{' ' * i}k:\n" for i in range(300)) + " " * 300 + "v\n"
REFUSED = {
    "7-no": ("units: no\n", "line 1: no can be misread"),
    "7-key": ("gates:\n  on: {kind: input}\n", "line 2: on can be misread"),
    "7-octal": ("units: 010\n", "010 can be misread"),
    "7-base-60": ("units: 1:30\n", "1:30 can be misread"),
    "7-underscore": ("units: 1_000\n", "1_000 can be misread"),
    "8-nan": ("zoneout: {c: .nan}\n", r"\.nan is not a finite number"),
    "8-inf": ("initial: {c: -.inf}\n", r"-\.inf is not a finite number"),
    "8-overflow": ("initial: {c: 1.0e+999}\n", "not a finite number"),
    "9-duplicate": ("a: 1\nb: 2\na: 3\n", "line 3: the key 'a' is written twice"),
    "9-duplicate-inner": ("gates:\n  f: {kind: a, kind: b}\n", "line 2: the key 'kind'"),
    "9-duplicate-quoted": ("gates: {f: 1, 'f': 2}\n", "'f' is written twice"),
    "14-python": ("a: !!python/object/apply:os.system ['true']\n", "line 1: the tag .* refused"),
    "14-own-tag": ("a: !mine 1\n", "the tag !mine is refused"),
    "14-tag-on-mapping": ("a: !!set {b, c}\n", "the tag .*set is refused"),
    "15-bomb": (BOMB, "with aliases expanded"),
    "15-self": ("a: &a [*a]\n", "refers to no complete value"),
    "15-unknown": ("a: *b\n", "refers to no complete value"),
    "16-deep-blocks": (DEEP, "nested deeper than"),
    "16-deep-brackets": ("a: " + "[" * 5000 + "]" * 5000, "nested deeper than"),
    "16-deep-braces": ("a: " + "{b: " * 5000 + "}" * 5000, "nested deeper than"),
    "16-deep-dashes": ("- " * 5000 + "a\n", "nested deeper than"),
    "16-deep-questions": ("? " * 5000 + "a\n", "a key is a name|nested deeper"),
    "16-50-MB": ("a: 1 # " + "x" * 50_000_000, "has 50,000,007 bytes"),
    "16-many-values": ("a: [" + "1, " * 20_000 + "1]\n", "more than 10,000 values"),
    "16-NUL": ("a: '\0'\n", "NUL"),
    "16-UTF-16": ("a: 1\n".encode("utf-16"), "byte order mark"),
    "16-UTF-16-BE": ("a: 1\n".encode("utf-16-be"), "NUL"),
    "16-BOM": ("a: 1\n".encode("utf-8-sig"), "byte order mark"),
    "16-binary": (bytes(range(128, 256)), "not UTF-8"),
    "16-control": ("a: \x07\n", "is not YAML"),
    "17-empty": ("", "is empty"),
    "17-comments": ("# nothing\n\n# more\n", "is empty"),
    "17-markers": ("---\n...\n", "is empty"),
    "list": ("- a\n- b\n", "a mapping, key: value, is expected"),
    "text": ("lstm\n", "a mapping, key: value, is expected"),
    "two-documents": ("a: 1\n---\na: 2\n", "a second document"),
    "key-is-list": ("? [a, b]\n: 1\n", "a key is a name"),
    "not-yaml": ("a: [1, 2\n", "is not YAML"),
    "tab": ("a:\n\tb: 1\n", "is not YAML, line 2, column 1: "),
    "no-colon": ("a:\n  f {kind: b, c: d}\n", "line 2, column "),
    "open-quote": ('a: 1\nb: "c\nd: 2\n', "line 2, column 4: "),
}


@pytest.mark.parametrize("case", REFUSED)
def test_refused_within_two_seconds(tmp_path, case):
    content, says = REFUSED[case]
    path = tmp_path / "cell.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    with bounded(), pytest.raises(ConfigError, match=says) as caught:
        read_yaml(path)
    assert str(path) in str(caught.value)
    assert len(str(caught.value)) < 600 + len(str(path))


@pytest.mark.parametrize("pattern", ["a: [1, ", "- [", "{a: ", "? a\n: ", "a: &b\n", "'", '"\\'])
def test_the_largest_file_is_answered_within_seconds(tmp_path, pattern):
    path = tmp_path / "cell.yaml"
    path.write_text((pattern * MAX_BYTES)[:MAX_BYTES], encoding="utf-8")
    with bounded(), pytest.raises(ConfigError):
        read_yaml(path)


def test_a_missing_file_and_a_folder_are_refused(tmp_path):
    for path in (tmp_path / "none.yaml", tmp_path):
        with pytest.raises(ConfigError, match="cannot be read"):
            read_yaml(path)


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1e-3", 1e-3),
        ("1.0e-3", 1e-3),
        ("-1.0e+30", -1e30),
        (".5", 0.5),
        ("3.", 3.0),
        ("12", 12),
        ("0", 0),
        ("0.1", 0.1),
        ("true", True),
        ("null", None),
        ("~", None),
        ("2020-01-01", "2020-01-01"),
        ("'no'", "no"),
        ("y", "y"),
        ("n", "n"),
        ("units // chunk", "units // chunk"),
        ("1 - update", "1 - update"),
        ("! text", "text"),
    ],
)
def test_values_are_read_as_hydra_reads_them(tmp_path, text, value):
    from omegaconf import OmegaConf

    path = tmp_path / "cell.yaml"
    path.write_text(f"a: {text}\n", encoding="utf-8")
    read = read_yaml(path)["a"]
    assert (read, type(read)) == (value, type(value))
    assert OmegaConf.to_container(OmegaConf.load(path))["a"] == value


def test_anchors_and_merge_keys_are_plain_yaml(tmp_path):
    path = tmp_path / "cell.yaml"
    path.write_text("a: &a {x: 1, y: 2}\nb: *a\nc: {<<: *a, y: 3}\n", encoding="utf-8")
    assert read_yaml(path) == {"a": {"x": 1, "y": 2}, "b": {"x": 1, "y": 2}, "c": {"x": 1, "y": 3}}


def test_nesting_up_to_the_bound_is_accepted(tmp_path):
    path = tmp_path / "cell.yaml"
    depth = MAX_DEPTH - 1
    path.write_text("a: " + "[" * depth + "]" * depth, encoding="utf-8")
    assert read_yaml(path) == yaml.safe_load(path.read_text())


def test_a_wrong_indentation_is_shown_with_a_caret(tmp_path):
    path = tmp_path / "duo.yaml"
    path.write_text("name: duo\ngates:\n  a: {kind: input}\n   b: {kind: input}\n")
    with pytest.raises(ConfigError) as caught:
        read_yaml(path)
    head, line, caret = str(caught.value).split("\n")
    assert head.startswith(f"{path} is not YAML, line 4, column ")
    assert line == "       b: {kind: input}"
    assert caret.strip() == "^"
