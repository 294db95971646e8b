"""Commands to share and export: bundle, import, rerun, export, code, cite."""
