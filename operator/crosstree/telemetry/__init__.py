"""Level 4: what the operator tells about itself: metrics, logs, and the HTTP endpoints that serve them.

The only importer of `prometheus_client`. Nothing here knows a kind or decides anything.
"""
