"""Level 7: what kopf hears about our four kinds is handed on. A handler parses, calls one method and returns.

No decision, no diff, no write: an event that comes twice, late or never changes nothing, because what is done
depends only on the objects as they are, and lost events are healed by lists.
"""
