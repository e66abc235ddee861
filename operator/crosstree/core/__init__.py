"""Level 1: what Crosstree decides. Values in, values out; base and numpy only.

Nothing here reads a clock, logs, talks to anybody or knows pydantic, kopf or YAML. Start at
`cycle.run_cycle`; everything it needs is in a `Snapshot`, everything it decides is in a `Plan`.
"""
