"""Commands to share and export: bundle, import, code, cite.

No module here is public.
"""
