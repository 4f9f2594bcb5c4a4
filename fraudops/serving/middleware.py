"""Checks before the service reads a request: who calls, and a limit of bytes.

Its answers tell a browser to load nothing from another machine: BentoML's page would ask one.
"""

import hmac
import ipaddress
import json
import os
import re
from collections.abc import Awaitable, Callable, MutableMapping
from typing import Any

from fraudops.errors import UserError

Scope = MutableMapping[str, Any]
Receive = Callable[[], Awaitable[MutableMapping[str, Any]]]
Send = Callable[[MutableMapping[str, Any]], Awaitable[None]]

API_TOKEN_VARIABLE = "FRAUDOPS_API_TOKEN"  # noqa: S105 (a name, no token)
CALLER_KEY = "fraudops.caller"  # of an ASGI scope: the caller's name; None without a token
DEFAULT_CALLER = "caller"  # the name of a token that has none
CALLER_NAME_PATTERN = re.compile(r"[a-z0-9._@-]{2,40}")
PUBLIC_PATHS = ("/livez", "/readyz", "/healthz")
MAX_REQUEST_BYTES = 4_000_000
CONTENT_POLICY = b"default-src 'self' 'unsafe-inline'; img-src 'self' data:"


def make_problem_details(status: int, title: str, detail: str, **more: object) -> dict:
    """Describe a problem as RFC 9457 says.

    Parameters
    ----------
    status : int
        HTTP status.
    title : str
    detail : str
    **more : JSON value

    Returns
    -------
    dict

    Examples
    --------
    >>> make_problem_details(503, "Busy", "try again")["status"]
    503
    """
    return {"type": "about:blank", "title": title, "status": status, "detail": detail} | more


def parse_tokens(text: str) -> dict[str, str]:
    """Parse ``$FRAUDOPS_API_TOKEN``: one token, or several with the names of their callers.

    Parameters
    ----------
    text : str
        ``TOKEN``, ``NAME:TOKEN``, or several of them with commas between.

    Returns
    -------
    dict of str to str
        Name of the caller by token.

    Raises
    ------
    UserError
        If a name or a token cannot be used. The message does not hold the token.

    Examples
    --------
    >>> parse_tokens("issuer:abc,desk:def")
    {'abc': 'issuer', 'def': 'desk'}
    """
    callers: dict[str, str] = {}
    for number, part in enumerate(filter(None, map(str.strip, text.split(","))), start=1):
        name, separator, token = part.partition(":")
        name, token = (name, token) if separator else (DEFAULT_CALLER, name)
        if not CALLER_NAME_PATTERN.fullmatch(name):
            raise UserError(
                f"Part {number} of {API_TOKEN_VARIABLE} has no usable name before its colon: use 2 "
                "to 40 of the letters a to z, digits, and . _ @ -"
            )
        if not token or token in callers:
            raise UserError(
                f"Part {number} of {API_TOKEN_VARIABLE} ({name}) has no token of its own: give "
                "each caller another one, for example from `openssl rand -hex 32`."
            )
        callers[token] = name
    return callers


def _is_local(address: tuple | None) -> bool:
    if not address:  # a Unix socket
        return True
    try:
        return ipaddress.ip_address(address[0]).is_loopback
    except ValueError:
        return False


class AccessMiddleware:
    """ASGI middleware that checks token and size, and names the caller in the scope.

    A request needs a token of ``$FRAUDOPS_API_TOKEN`` (see `parse_tokens`) if one is set. A request
    from another machine always needs one: without a token the service refuses it.
    """

    def __init__(self, app: Callable[[Scope, Receive, Send], Awaitable[None]]):
        self.app = app
        self.callers = parse_tokens(os.environ.get(API_TOKEN_VARIABLE, ""))

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http" or scope["path"] in PUBLIC_PATHS:
            return await self.app(scope, receive, send)
        headers = {name.lower(): value for name, value in scope["headers"]}
        caller = self._find_caller(headers)
        if caller is None and (self.callers or not _is_on_this_machine(scope)):
            detail = "Send the header 'Authorization: Bearer ' with the token of the service."
            if not self.callers:
                detail = (
                    "From elsewhere than localhost this service answers only with a token: "
                    f"set {API_TOKEN_VARIABLE} before it starts."
                )
            return await _send_problem(send, 401, "A token is needed", detail)
        scope = {**scope, CALLER_KEY: caller}
        size = headers.get(b"content-length", b"0")
        if not size.isdigit() or int(size) > MAX_REQUEST_BYTES:
            return await _send_too_large(send)
        total = 0

        async def counting() -> MutableMapping[str, Any]:
            """A body without a stated length ends where it grows too large."""
            nonlocal total
            message = await receive()
            total += len(message.get("body", b""))
            return message if total <= MAX_REQUEST_BYTES else {"type": "http.disconnect"}

        async def answering(message: MutableMapping[str, Any]) -> None:
            if message["type"] == "http.response.start":
                policy = (b"content-security-policy", CONTENT_POLICY)
                message["headers"] = [*message.get("headers", []), policy]
            if total <= MAX_REQUEST_BYTES:  # else what is said about half a body is of no use
                await send(message)

        await self.app(scope, counting, answering)
        if total > MAX_REQUEST_BYTES:
            await _send_too_large(send)

    def _find_caller(self, headers: dict[bytes, bytes]) -> str | None:
        """Find the name of the caller whose token was sent; all are compared, in constant time."""
        given, found = headers.get(b"authorization", b""), None
        for token, name in self.callers.items():
            if hmac.compare_digest(given, f"Bearer {token}".encode()):
                found = name
        return found


def _is_on_this_machine(scope: Scope) -> bool:
    return _is_local(scope.get("server")) and _is_local(scope.get("client"))


async def _send_too_large(send: Send) -> None:
    await _send_problem(
        send, 413, "The request is too large", f"A request has at most {MAX_REQUEST_BYTES:,} bytes."
    )


async def _send_problem(send: Send, status: int, title: str, detail: str) -> None:
    body = json.dumps(make_problem_details(status, title, detail)).encode()
    headers = [
        (b"content-type", b"application/problem+json"),
        (b"content-length", str(len(body)).encode()),
    ]
    if status == 401:
        headers.append((b"www-authenticate", b"Bearer"))
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
