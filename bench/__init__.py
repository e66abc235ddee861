"""Benches that only developers run: they break nodes, or stand in for an API server.

They are no verbs of `crosstree`, for nobody should find them on a cluster that matters: `make bench` runs them, and
`python -m bench --help` lists them. Figures are the same `Record`s that `crosstree bench` reports.
"""
