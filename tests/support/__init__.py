"""Helpers shared by tests: waiting, a control plane, kubectl, and builders of the values tests talk about."""
