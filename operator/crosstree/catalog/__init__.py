"""Accelerators as data: what they are called, how they are recognised, how they are wired. See `load`."""
