"""Group runs, and name the groups.

`group` collects the runs of a study that differ only in their seeds. `keys` finds the settings
that distinguish groups, `label` names the groups, and `differs` compares two of them. `select`
finds the runs that you name, and `split` selects the data split. Start with `group.py`.
"""
