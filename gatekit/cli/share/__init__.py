"""Commands to share and export: bundle, import, rerun, code, cite.

No module here is public.
"""
