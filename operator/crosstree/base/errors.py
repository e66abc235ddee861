"""One tree of errors, so that a caller can catch as much or as little as it means to.

    CrosstreeError
    ├── SpecError              somebody's object asks for something impossible; the text is for its author
    ├── SettingsError          this process was started with settings that can't work
    ├── ShapeError             arrays of the core disagree; a bug of ours
    └── ApiError               the API server did not do what was asked
        ├── NotFound           404
        ├── AlreadyExists      409 on create
        ├── Conflict           409 on a fenced write: somebody else wrote first; read again, decide again
        ├── Expired            410: a watch or a list must start over
        ├── Refused            400, 403, 422: repeating it as it is will not help
        ├── NotLeading         not sent: another process may act by now
        ├── Throttled          429: wait `retry_after`
        └── Unavailable        5xx, time-outs, broken connections

`retryable` says whether the same call may succeed later without anybody changing anything.
Foreign exceptions are turned into these in `adapters/client.py` and nowhere else.
"""

from __future__ import annotations

from typing import ClassVar

FORBIDDEN = 403
"""Status for want of rights or quota: both come back without a word."""


class CrosstreeError(Exception):
    """Root of the tree."""

    retryable: ClassVar[bool] = False


class SpecError(CrosstreeError):
    """A user's object says something impossible. The text names object, field, found, and the way out."""


class SettingsError(CrosstreeError):
    """Settings, flags or a kubeconfig that can't work."""


class ShapeError(CrosstreeError):
    """Arrays handed to the core disagree in shape."""


class ApiError(CrosstreeError):
    """The API server did not do what was asked."""

    def __init__(self, message: str, *, status: int = 0) -> None:
        super().__init__(message)
        self.status = status
        """HTTP status; 0 when there was no answer at all."""


class NotFound(ApiError):
    """The object is not there (any more)."""


class AlreadyExists(ApiError):
    """An object of that name is there already."""


class Conflict(ApiError):
    """A fenced write lost against another writer."""

    retryable = True


class Expired(ApiError):
    """The resource version is too old; list again."""

    retryable = True


class Refused(ApiError):
    """Admission, quota, rights or validation said no."""


class NotLeading(ApiError):
    """A write was not sent, or the process ended, because this process may not act any more."""


class Throttled(ApiError):
    """The server asks us to slow down."""

    retryable = True

    def __init__(self, message: str, *, status: int = 429, retry_after: float = 1.0) -> None:
        super().__init__(message, status=status)
        self.retry_after = retry_after
        """Seconds the server asked for."""


class Unavailable(ApiError):
    """No answer, or one that says the server is not well."""

    retryable = True
