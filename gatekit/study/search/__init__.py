"""Searches: draws that are equal for every variant, or that learn from results; and their check."""

from .search import Job, Search
from .space import Choice, Draw, Interval

__all__ = ["Choice", "Draw", "Interval", "Job", "Search"]
