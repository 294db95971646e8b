"""YAML from outside: what is dangerous or ambiguous is refused before it is parsed, and fast."""

import time

import pytest

from gatekit.cell.errors import ConfigError
from gatekit.study import yaml_guard


def refused(tmp_path, content, match):
    path = tmp_path / "cell.yaml"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    began = time.monotonic()
    with pytest.raises(ConfigError, match=match) as caught:
        yaml_guard.checked(path)
    assert time.monotonic() - began < 1.0
    assert "cell.yaml" in str(caught.value)


@pytest.mark.parametrize("text", ["no", "010", "1:30", "1_000", "off", "Yes", "-0_7"])
def test_row_7_ambiguous_scalars(tmp_path, text):
    refused(tmp_path, f"name: a\nunits: {text}\n", rf"cell.yaml:2: {text} is ambiguous")
    refused(tmp_path, f"{text}: 1\n", "is ambiguous")


@pytest.mark.parametrize("text", ['"no"', "'010'", "norm", "10", "0", "0.5", "1.0e-3", "true"])
def test_row_7_clear_scalars_pass(tmp_path, text):
    path = tmp_path / "cell.yaml"
    path.write_text(f"units: {text}\n")
    assert yaml_guard.checked(path) == f"units: {text}\n"


def test_row_9_duplicate_key(tmp_path):
    refused(tmp_path, "a: {b: 1}\nc: 2\na: 3\n", "cell.yaml:3: the key a is written twice")
    refused(tmp_path, "x: {b: [1, 2], c: {b: 1}, b: 3}\n", "the key b is written twice")


@pytest.mark.parametrize(
    "text", ["a: !!python/object/apply:os.system ['true']\n", "a: !mine 3\n", "a: !!str 3\n"]
)
def test_row_14_tags(tmp_path, text):
    refused(tmp_path, text, "the tag .* is not allowed")


def test_row_15_alias_bomb(tmp_path):
    levels = ["a0: &a0 [x, x]"]
    levels += [f"a{k}: &a{k} [{', '.join([f'*a{k - 1}'] * 12)}]" for k in range(1, 12)]
    refused(tmp_path, "\n".join(levels) + "\n", "aliases")


@pytest.mark.parametrize(
    ("content", "match"),
    [
        (b"a: " + b"[" * 5000 + b"]" * 5000, "nested deeper"),
        ("\n".join(f"{' ' * k}a:" for k in range(60)) + "\n", "nested deeper"),
        (b"a: " + b"x" * 50_000_000, "at most"),
        (bytes(range(256)), "not UTF-8|not text"),
        ("a: 1\n".encode("utf-16"), "not UTF-8|NUL"),
        (b"\xef\xbb\xbfa: 1\n", "byte order mark"),
        (b"a: \x00\n", "NUL"),
        (b"a: [\n", "not YAML"),
        (b"a: 1\n---\nb: 2\n", "second document"),
        (b"[" + b"1," * 30_000 + b"]", "more than 20,000 values"),
    ],
    ids=["deep", "deep block", "50 MB", "binary", "utf-16", "bom", "nul", "torn", "two", "wide"],
)
def test_row_16_deep_big_or_not_text(tmp_path, content, match):
    refused(tmp_path, content, match)


@pytest.mark.parametrize("text", ["", "\n\n", "# nothing\n# here\n"])
def test_row_17_empty(tmp_path, text):
    refused(tmp_path, text, "is empty")


def test_a_missing_file_is_named(tmp_path):
    with pytest.raises(ConfigError, match="cannot be read"):
        yaml_guard.checked(tmp_path / "none.yaml")
