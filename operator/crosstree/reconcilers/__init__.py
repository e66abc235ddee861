"""Level 6: per kind, what to do about one object now. `reconcile(key, now)` looks, writes what differs, returns.

No kopf, no events, no diffs: only the object, the facts around it, and at most one status write.
"""
