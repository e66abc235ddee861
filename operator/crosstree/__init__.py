"""Crosstree: accelerator pools and topology-aware gang scheduling for Kubernetes."""

__version__ = "0.1.0"
