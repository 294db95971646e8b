"""Searches: draws that are equal for every variant, or that learn from results; and their check."""

from .search import Draw, Job, Search, SearchChoice, SearchInterval

__all__ = ["Draw", "Job", "Search", "SearchChoice", "SearchInterval"]
