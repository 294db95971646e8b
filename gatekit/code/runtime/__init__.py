"""The functions of generated files: real code, read by `gatekit.code.sources`, imported by none.

No module here is public.
"""
