"""Tests of what a cell is."""
