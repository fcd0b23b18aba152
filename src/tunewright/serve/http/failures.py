"""Why a request has no answer, in the shape that OpenAI's clients read.

In: an error. Out: status and JSON. Its own file because every way to fail must look the same to a program.
"""

from __future__ import annotations

from typing import Any

from tunewright.core.errors import TunewrightError
from tunewright.serve.queue.wanted import Busy, Stopping, TooLate


class Refused(Exception):
    """A request that is not answered, and what its sender can do."""

    def __init__(self, status: int, message: str, *, code: str, param: str | None = None) -> None:
        self.status, self.message, self.code, self.param = status, message, code, param
        super().__init__(message)


RETRY_SECONDS = 2
"""What a full queue asks its clients to wait: a short answer's time."""
_KINDS = {401: "authentication_error", 403: "permission_error", 404: "not_found_error", 503: "server_busy"}


def failure_json(refused: Refused) -> dict[str, Any]:
    """
    >>> failure_json(Refused(404, "there is no model x", code="model_not_found"))["error"]["type"]
    'not_found_error'
    """
    usual = "invalid_request_error" if refused.status < 500 else "server_error"
    kind = _KINDS.get(refused.status, usual)
    return {"error": {"message": refused.message, "type": kind, "param": refused.param, "code": refused.code}}


def headers_of(refused: Refused) -> dict[str, str]:
    """What goes with the status."""
    if refused.status == 503:
        return {"Retry-After": str(RETRY_SECONDS)}
    return {"WWW-Authenticate": "Bearer"} if refused.status == 401 else {}


def refused_of(error: Exception) -> Refused:
    """What a client is told about an error; of one that is not its own only the kind, never what it was working on."""
    if isinstance(error, Refused):
        return error
    if isinstance(error, Busy | TooLate | Stopping):
        return Refused(503, f"{error.what}; {error.fix}", code="server_busy")
    if isinstance(error, TunewrightError):
        words = "; ".join(filter(None, (error.what, error.why, error.fix)))
        return Refused(400, words, code="invalid_request", param=error.where or None)
    return Refused(500, f"the model failed ({type(error).__name__})", code="internal_error")
