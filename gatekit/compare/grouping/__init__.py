"""Group runs, and name the groups.

`group` collects the runs of a study that differ only in their seeds. `keys` finds the settings
that distinguish groups, `label` names the groups, `rename` changes their names, and `differs`
compares two groups. `choose` filters runs and chooses the split, `best` chooses tuned values, and
`select` finds runs by name. Start with `group.py`.

No module here is public.
"""
