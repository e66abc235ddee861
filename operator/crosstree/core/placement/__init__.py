"""Where a gang goes: the fewest domains at every level, the best fit among equals.

`pack.pack` is the entrance. `bounds` says how few domains could do, `choose` picks which, `walk` goes through the
levels, `assign` turns counts per node into numbered workers. All of it works on one pool and numbers per
node; nothing here knows of gangs' priorities, queues or time.
"""
