"""Commands that train: train, plan, confirm, extend, status, logs, failures, sample, prune, ..."""
