"""Seeded generators of hostile input."""
