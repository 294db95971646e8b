"""Figures of a comparison for paper and screen; ``draw`` in `kinds` knows all of them."""
