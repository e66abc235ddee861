"""Readers of job traces and node inventories, and what can be done to a trace before it is replayed."""
