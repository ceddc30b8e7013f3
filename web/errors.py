"""What the web layer refuses, and the one shape in which every error leaves it."""

from __future__ import annotations

from typing import ClassVar

from pydantic import BaseModel

from venues.errors import TongtangError


class SignInRequired(TongtangError):
    """Please sign in first."""

    code = "unauthenticated"
    status = 401


class BadCredentials(TongtangError):
    """The user name or the password is wrong."""

    code = "bad_credentials"
    status = 401


class WrongRole(TongtangError):
    """Your role does not allow this."""

    code = "wrong_role"
    status = 403


class OutsideSubtree(TongtangError):
    """This belongs to a venue that is outside yours."""

    code = "outside_subtree"
    status = 403


class CrossSite(TongtangError):
    """The request came from another site and was refused."""

    code = "cross_site"
    status = 403


class CsrfFailed(TongtangError):
    """The page was out of date. Please load it again and repeat what you did."""

    code = "csrf_failed"
    status = 403


class TooManyAttempts(TongtangError):
    """Too many attempts. Please wait {retry_after_s} seconds."""

    code = "too_many_attempts"
    status = 429


class BadJson(TongtangError):
    """The body is not a JSON object."""

    code = "bad_json"
    status = 400


class Invalid(TongtangError):
    """The request is not complete or not right: {details}."""

    code = "invalid"
    status = 422


class TooLarge(TongtangError):
    """The body is larger than {limit_bytes} bytes."""

    code = "too_large"
    status = 413


class NotFound(TongtangError):
    """There is nothing here."""

    code = "not_found"
    status = 404


class MethodNotAllowed(TongtangError):
    """This address does not take that method."""

    code = "method_not_allowed"
    status = 405


class Refused(TongtangError):
    """The request could not be understood."""

    code = "bad_request"
    status = 400


class Internal(TongtangError):
    """Something went wrong on this server; it has been noted in its log."""

    code = "internal"
    status = 500


class AddressTaken(TongtangError):
    """The node cannot listen on {host}, {protocol} port {port}: {reason}."""

    code = "address_taken"
    status = 500


class CertificateUnusable(TongtangError):
    """The TLS certificate {certificate} and its key {key} cannot be used: {reason}."""

    code = "certificate_unusable"
    status = 500


class NotReady(TongtangError):
    """This node is not ready yet: it does not know its venues."""

    code = "not_ready"
    status = 503
    retry_after_s: ClassVar[int] = 5


class ErrorDetail(BaseModel):
    code: str
    message: str


class ErrorBody(BaseModel):
    """The body of every error of the API. `code` is stable, `message` is in the caller's language."""

    error: ErrorDetail


def headers_of(error: TongtangError) -> dict[str, str]:
    """WWW-Authenticate with 401 (RFC 9110 §11.6.1), Retry-After with 429 and 503 (§10.2.3)."""
    headers: dict[str, str] = {}
    if error.status == 401:
        headers["WWW-Authenticate"] = "Bearer"
    wait_s = error.fields.get("retry_after_s", getattr(error, "retry_after_s", None))
    if wait_s is None and error.status in (429, 503):
        wait_s = 5
    if isinstance(wait_s, (int, float)):
        headers["Retry-After"] = str(max(1, round(wait_s)))
    return headers
