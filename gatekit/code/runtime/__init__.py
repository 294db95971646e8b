"""The functions of generated files: real code, read by `gatekit.code.copied`, imported by none.

No module here is public.
"""
