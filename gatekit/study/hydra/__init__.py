"""Composition by Hydra: what files may contain, where they are found, what a sweep asks for."""
