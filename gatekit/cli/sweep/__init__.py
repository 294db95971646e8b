"""Commands that train and sweep, except train itself, which is in `gatekit.study.command`.

They are plan, confirm, extend, status, serve, logs, failures, prune and data.

No module here is public.
"""
