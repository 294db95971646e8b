"""Commands that share: bundle, import, rerun, export, cite."""
