"""Texts out of an R package's data, from bytes made here by R's format."""

import gzip
import struct
import zlib

import pytest
from gatekit.plugins.char_lm import read_texts

from gatekit import DataError

HEAD = b"X\n" + struct.pack(">iii", 3, 0x40201, 0x30500) + struct.pack(">i", 5) + b"UTF-8"
OLD = b"X\n" + struct.pack(">iii", 2, 0x40201, 0x20300)
NIL = struct.pack(">i", 254)


def integer(*values):
    return struct.pack(f">{len(values)}i", *values)


def text(value):
    if value is None:
        return integer(9, -1)
    return integer(0x40009, len(value.encode())) + value.encode()


def texts(values):
    return integer(16, len(values)) + b"".join(map(text, values))


SYMBOL = integer(1) + text("names")


def named(values, symbol=SYMBOL):
    """Return a list whose attribute ``names`` is a list of pairs."""
    names = integer(0x402) + symbol + texts(list(values)) + NIL
    return integer(0x213, len(values)) + b"".join(values.values()) + names


def package(objects, head=HEAD):
    data, places = b"", {}
    for name, values in objects.items():
        plain = head + texts(values)
        packed = struct.pack(">i", len(plain)) + zlib.compress(plain)
        places[name] = integer(13, 2, len(data), len(packed))
        data += packed
    # the second time, a symbol is a reference to the first
    variables = named(places)
    index = named({"variables": variables, "compressed": integer(10, 1, 1)}, integer(0x1FF))
    return gzip.compress(head + index), data


BOOKS = {"one": ["First", "", "Zwölf"], "two": []}


@pytest.mark.parametrize("head", [HEAD, OLD])
def test_each_object_is_read_by_name(head):
    assert read_texts(*package(BOOKS, head), "books") == BOOKS


def test_a_missing_text_is_none():
    index, data = package({"one": ["a", None]})
    assert read_texts(index, data, "books") == {"one": ["a", None]}


@pytest.mark.parametrize(
    "damage",
    [
        lambda index, data: (index[:-9], data),
        lambda index, data: (b"", data),
        lambda index, data: (gzip.compress(b"A\n123"), data),
        lambda index, data: (gzip.compress(HEAD + integer(24, 1)), data),
        lambda index, data: (gzip.compress(HEAD + integer(13, 1, 1)), data),
        lambda index, data: (index, data[:20]),
        lambda index, data: (index, b"\0" * len(data)),
        lambda index, data: (gzip.compress(HEAD + integer(19, 1) * 30), data),
    ],
)
def test_damage_is_named(damage):
    with pytest.raises(DataError, match="books: its data cannot be read"):
        read_texts(*damage(*package(BOOKS)), "books")
