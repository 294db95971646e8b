"""What `gatekit compare` writes for eight studies, kept so that a change of any byte is seen.

The studies are rebuilt from ``experiments/*/results.csv``. ``expected`` has the whole text of two
small studies and a hash of each format of the others. After a change that is meant, type
``python -m tests.compare.golden`` and read the diff.
"""
