"""Seeded generators of hostile input, and what must hold for each of their cases."""
