"""Searches: draws that are equal for every variant, or that learn from results; and their check."""

from .search import Choice, Draw, Interval, Job, Search

__all__ = ["Choice", "Draw", "Interval", "Job", "Search"]
