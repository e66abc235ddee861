"""The errors of localcluster: one small tree, every message says what to do next.

LocalClusterError
├── BuildError      a binary could not be built or found
├── StartError      a component did not come up, or the wanted condition never held
├── NotRunning      no such cluster is up, or it is gone
├── FleetError      a fleet file or profile cannot be used
└── ApiError        the API server answered with an error
"""

from __future__ import annotations


class LocalClusterError(Exception):
    """Base of everything localcluster raises on purpose."""


class BuildError(LocalClusterError):
    """A binary could not be built or found."""


class StartError(LocalClusterError):
    """A component did not come up in time, or ended early."""


class NotRunning(LocalClusterError):
    """The named cluster is not up."""


class FleetError(LocalClusterError):
    """A fleet file or a node profile cannot be used as written."""


class ApiError(LocalClusterError):
    """The API server answered a request with an error.

    Attributes:
        status: HTTP status code; 0 when no answer arrived at all.
        reason: Machine-readable reason of the Status object, e.g. "AlreadyExists"; may be empty.
    """

    def __init__(self, status: int, reason: str, message: str) -> None:
        super().__init__(message)
        self.status = status
        self.reason = reason
