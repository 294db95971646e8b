"""Commands for writing gates and cells: new, check, show; lists such as cells and gates.

No module here is public.
"""
