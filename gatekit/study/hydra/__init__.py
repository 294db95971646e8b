"""Composition by Hydra: which files are allowed, where they are found, and how sweeps expand.

No module here is public.
"""
