"""Commands for training: train, plan, confirm, status, logs, failures, prune, data."""
