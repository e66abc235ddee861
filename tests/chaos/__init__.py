"""Faults at random against a local cluster: the short form is a test, the long form `python -m tests.chaos`."""
