"""Tests of `gatekit.code`; a folder of that name would hide the standard library's module."""
