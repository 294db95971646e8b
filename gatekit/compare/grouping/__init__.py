"""Which runs belong together, and what to call them.

`group` joins the runs of a study that differ in their seed alone; `keys` finds the settings that
distinguish groups, `label` names them, `differs` compares two. `select` finds runs by what you
type, `split` picks the data split. Start with `group.py`.
"""
