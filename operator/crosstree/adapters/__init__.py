"""Level 5: the only part that talks to an API server.

Facts come in by list and watch (`watch`, `nodes`, `pods`, `store`), writes go out through `writer`, and
`livecluster` is the cluster as the scheduling loop sees it. No decision is taken here.
"""
