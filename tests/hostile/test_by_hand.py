"""Hostile files of kinds that no generator draws, each written by hand."""

from __future__ import annotations

import hashlib
import io
import json
import os
import struct
import zipfile
from pathlib import Path
from typing import Any

import numpy
import pytest
from bounded import bounded
from compare.synthetic import configuration, sealed, write_run
from seams import ConfigReader, from_file, main

from gatekit import GatekitError

BASE = "gates: {g: {kind: tanh}}\nequations: {h: g + h_prev / 2}\nemits: h\n"
HEX, BINARY = "0x" + "f" * 5_000, "0b" + "1" * 20_000
ID = "ab" * 8

# -- cells ------------------------------------------------------------------------------------

REFUSED = {
    "hexadecimal width": BASE.replace("tanh", f"tanh, units: {HEX}"),
    "hexadecimal year": f"{BASE}year: {HEX}\n",
    "hexadecimal name": f"{BASE}name: {HEX}\n",
    "hexadecimal option": f"function: rhn\ndepth: {HEX}\n",
    "hexadecimal citation": f"{BASE}cite: [{HEX}]\n",
    "hexadecimal norm": BASE.replace("tanh", f"tanh, norm: {HEX}"),
    "hexadecimal file": f"{HEX}\n",
    "hexadecimal blocks": BASE.replace(
        "tanh", f"tanh, reads: {{x: {{kind: block, blocks: {HEX}}}}}"
    ),
    "binary equation": f"equations: {{h: {BINARY}}}\nemits: h\n",
    "binary initial": f"{BASE}initial: {{h: {BINARY}}}\n",
    "binary width": BASE.replace("tanh", f"tanh, units: {BINARY}"),
    "long decimal": f"{BASE}year: 1{'0' * 4_000}\n",
    "long base 60": f"{BASE}year: 1{':1' * 10_000}\n",
    "merged bomb": "a0: &a0 {k: 1, l: 2}\n"
    + "".join(f"a{i}: &a{i} {{<<: [{', '.join([f'*a{i - 1}'] * 10)}]}}\n" for i in range(1, 9)),
    "merged key": f"constants: &a {{k: 1}}\n<<: *a\n{BASE}",
    "merged scalar": f"{BASE}<<: 3\n",
    "version of YAML": f"%YAML 9.9\n---\n{BASE}",
    "written-out tag": "gates: !<tag:yaml.org,2002:python/name:os.system> {}\n",
    "renamed tag": "%TAG ! tag:yaml.org,2002:python/\n---\ngates: !name:os.system x\n",
    "fullwidth name": "equations: {\uff48: x}\nemits: \uff48\n",
    "fullwidth in an equation": "equations: {h: '\uff48_prev'}\nemits: h\n",
    "letter that normalises": "equations: {h: '\U0001d4eather'}\nemits: h\n",
    "soft hyphen": "equations: {h: 'h\u00ad_prev'}\nemits: h\n",
    "zero width": "equations: {h\u200b: h_prev}\nemits: h\u200b\n",
    "a key that is null": f"{BASE}null: 1\n",
    "a key that is true": f"{BASE}true: 1\n",
    "a key that is a number": f"{BASE}1.5: 1\n",
    "a value key": f"{BASE}=: 3\n",
    "a value mark": f"{BASE}initial: {{h: =}}\n",
    "a long anchor": f"a: &{'x' * 60_000} 1\n{BASE}",
    "a float without end": f"{BASE}initial: {{h: {'1' * 400}.0}}\n",
}
ACCEPTED = {
    "next line as a break": BASE.replace("\n", "\x85"),
    "line separators": BASE.replace("\n", "\u2028"),
    "returns": BASE.replace("\n", "\r\n"),
    "sixty thousand digits": f"{BASE}initial: {{h: 0.{'1' * 60_000}}}\n",
    "negative zero": f"{BASE}initial: {{h: -0.0}}\n",
    "escapes": BASE + 'notes: "' + "\\x1b]0;x\\a" * 3_000 + '"\n',
    "a folded block": "notes: >\n" + " x\n" * 16_000 + BASE,
}


@pytest.mark.parametrize("case", REFUSED)
def test_a_cell_is_refused_in_words(case: str, tmp_path: Path) -> None:
    path = tmp_path / "cell.yaml"
    path.write_bytes(REFUSED[case].encode())
    with bounded(), pytest.raises(GatekitError) as caught:
        from_file(path)
    assert 20 < len(str(caught.value)) < 1_000


@pytest.mark.parametrize("case", ACCEPTED)
def test_a_cell_is_read_within_bounds(case: str, tmp_path: Path) -> None:
    path = tmp_path / "cell.yaml"
    path.write_bytes(ACCEPTED[case].encode())
    with bounded():
        assert from_file(path).name == "cell"


# -- configurations of imported runs ----------------------------------------------------------

NO_CONFIGURATION = {
    "hexadecimal": f"seed: 0x{'f' * 900_000}\n",
    "base 60": f"seed: 1{':1' * 400_000}\n",
    "a date": "seed: 2026-01-01\n",
    "no date": "seed: 2026-99-99\n",
    "bytes": "seed: !!binary aGVsbG8=\n",
    "a set": "seed: !!set {a, b}\n",
    "pairs": "seed: !!omap [a: 1]\n",
    "a key that is a date": "cell: {2026-01-01: 1}\n",
    "a key that is a list": "cell: {[1]: 2}\n",
    "deep": "a: " + "[" * 300_000,
}


@pytest.mark.parametrize("case", NO_CONFIGURATION)
def test_a_configuration_holds_plain_values(case: str) -> None:
    with bounded(), pytest.raises(ValueError) as caught:
        ConfigReader().read(NO_CONFIGURATION[case].encode())
    assert len(str(caught.value)) < 300


@pytest.mark.parametrize(
    "changes",
    [{"mixers": 3}, {"units": "x"}, {"output_unit": []}, {"layers": {}, "cell": 3}, {"block": 1.5}],
)
def test_code_of_a_hostile_configuration_is_refused(
    changes: dict[str, Any], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    config = {**configuration("lstm"), **changes}
    folder = write_run(Path("experiments/demo/runs"), config, name=ID)
    buffer = io.BytesIO()
    numpy.savez(buffer, **{"rnn_0/x": numpy.zeros(3)})
    (folder / "weights.npz").write_bytes(buffer.getvalue())
    assert main(["code", "--with-weights", ID, "-o", "c.py"]) == 2
    assert capsys.readouterr().err.startswith("gatekit: ")


# -- archives of arrays -----------------------------------------------------------------------


def npy(shape: Any, descr: Any = "<f4", data: bytes = b"", header: str | None = None) -> bytes:
    """Return an array's file, with any header."""
    about = {"descr": descr, "fortran_order": False, "shape": shape}
    raw = (repr(about) if header is None else header).encode()
    raw += b" " * (-(len(raw) + 11) % 64) + b"\n"
    return b"\x93NUMPY\x01\x00" + struct.pack("<H", len(raw)) + raw + data


def npz(content: bytes, name: str = "rnn_0/k.npy", method: int = zipfile.ZIP_STORED) -> bytes:
    """Return an archive with one file."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        archive.writestr(name, content)
    return buffer.getvalue()


ONE = npy((1,), data=bytes(4))
ARRAYS = {
    "claims 373 GiB": npz(npy((10**11,))),
    "claims more than a number holds": npz(npy((10**30,))),
    "a negative axis": npz(npy((-1,))),
    "an unknown type": npz(npy((1,), "<f99")),
    "objects": npz(npy((1,), "|O", b"x")),
    "records": npz(npy((1,), [("a", "<f4")], bytes(4))),
    "strings": npz(npy((1,), "<U1", b"a\0\0\0")),
    "an open bracket": npz(npy((), header="{'descr': (((((")),
    "deep brackets": npz(npy((), header="(" * 8_000)),
    "a call": npz(npy((), header="__import__('os').system('touch owned')")),
    "compressed": npz(npy((2**20,), data=bytes(2**22)), method=zipfile.ZIP_DEFLATED),
    "no array": npz(b"hello", "rnn_0/k.txt"),
    "names that lead out": npz(ONE, "rnn_0/../../k.npy"),
    "names with escapes": npz(ONE, "a\x1b]0;x\x07/b.npy"),
    "encrypted": npz(ONE).replace(b"PK\x01\x02\x14\x03\x14\0\0\0", b"PK\x01\x02\x14\x03\x14\0\1\0"),
    "one array": ONE,
    "a pickle": b"\x80\x04cos\nsystem\n",
    "nothing": b"",
}


@pytest.mark.parametrize("case", ARRAYS)
def test_weights_of_a_stranger_are_refused(
    case: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_run(Path("experiments/demo/runs"), configuration("lstm", 0), name=ID)
    record = json.loads((folder / "result.json").read_text())
    record["files"]["weights.npz"] = hashlib.sha256(ARRAYS[case]).hexdigest()
    (folder / "result.json").write_text(sealed(record))
    for name in ("weights.npz", "probe.npz"):
        (folder / name).write_bytes(ARRAYS[case])
    with bounded():
        assert main(["code", "--with-weights", ID, "-o", "c.py"]) == 2
        printed = capsys.readouterr()
        assert printed.err.startswith("gatekit: ")
        assert "\x1b" not in printed.err
    assert not Path("owned").exists()


def test_weights_in_a_fifo_are_not_waited_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = write_run(Path("experiments/demo/runs"), configuration("lstm", 0), name=ID)
    os.mkfifo(folder / "weights.npz")
    assert main(["code", "--with-weights", ID, "-o", "c.py"]) == 2
    assert "regular file" in capsys.readouterr().err
