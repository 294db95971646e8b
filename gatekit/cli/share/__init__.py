"""Commands to share and export: bundle, import, rerun, code, cite."""
