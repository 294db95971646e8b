"""Searches: random draws that all variants share, draws by Optuna, and confirmation of the best.

No module here is public.
"""

from .search import Draw, Job, Search, SearchChoice, SearchInterval

__all__ = ["Draw", "Job", "Search", "SearchChoice", "SearchInterval"]
