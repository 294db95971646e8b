"""Seeds are split by name."""

import numpy
import pytest
from seams import seeds


def test_a_name_always_draws_the_same():
    first = seeds.generator(3, "init", "rnn_0", "forget.x").normal(size=5)
    again = seeds.generator(3, "init", "rnn_0", "forget.x").normal(size=5)
    numpy.testing.assert_array_equal(first, again)


def test_values_are_the_same_on_every_machine_and_version():
    assert seeds.integer(0, "data") == 7233480179947299078
    assert seeds.generator(0, "order", 1).permutation(5).tolist() == [1, 2, 4, 0, 3]


def test_names_and_seeds_are_independent():
    drawn = {
        seeds.integer(seed, *path)
        for seed in range(20)
        for path in (("data",), ("order", 0), ("order", 1), ("dropout", 0), ("init", "a", "b"))
    }
    assert len(drawn) == 100


def test_a_path_is_not_its_concatenation():
    assert seeds.integer(0, "ab", "c") != seeds.integer(0, "a", "bc")


def test_bits_bound_the_result():
    assert all(seeds.integer(s, "x", bits=31) < 2**31 for s in range(50))


@pytest.mark.parametrize("vary", [None, *seeds.PARTS])
def test_a_part_that_does_not_vary_keeps_its_seed(vary):
    found = {name: seeds.part({"seed": 7, "vary": vary}, name) for name in seeds.PARTS}
    assert found == {name: 7 if vary in (None, name) else 0 for name in seeds.PARTS}
    assert seeds.part({"seed": 7}, "order") == 7
