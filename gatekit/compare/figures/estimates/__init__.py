"""Figures of estimates beyond the table: time to a threshold, best of k trials, aggregates."""
