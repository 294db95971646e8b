"""Commands for sharing: bundle, import, rerun, export and cite."""
