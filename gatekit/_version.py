"""The version of gatekit and how to update it; every layer may read this module."""

__version__ = "0.1.0"

# Never `pip install gatekit`: on a package index, this name may belong to another project.
UPDATE = "type `git pull` in your clone of gatekit, then `pip install -c constraints.txt -e .`"
"""How to get a newer gatekit, as the end of a sentence."""
