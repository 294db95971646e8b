"""Commands that train: train, plan, confirm, status, logs, failures, prune, data."""
