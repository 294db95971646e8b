"""Tests of the recurrence room; cells, problems, layers and pairwise are what they share."""
