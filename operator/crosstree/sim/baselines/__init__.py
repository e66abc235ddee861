"""Cycles to compare the production one with: what others do, and what nobody can do.

Each has the signature of `core.cycle.run_cycle`. All place with the production packer, so that a comparison is about
who goes when; none explains, and none knows queues.
"""
