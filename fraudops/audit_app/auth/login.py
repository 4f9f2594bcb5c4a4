"""The login of the review page: session cookie, and the user of every request.

`voila.json` names these classes.
"""

import asyncio
import hmac
import json
import secrets
import time
from typing import Any

import sqlalchemy as sa
from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.utils import url_path_join
from tornado.web import HTTPError, RequestHandler
from traitlets import default

from fraudops import store
from fraudops.audit_app.auth import forms, kernels, passwords, proxy, users
from fraudops.workspace import Workspace

SESSION_HOURS = 8  # of a session


class DatabaseIdentityProvider(IdentityProvider):
    """Identifies users by the operational database at every request; refuses tokens."""

    def __init__(self, **kwargs: Any):
        super().__init__(**kwargs)
        self.proxy = proxy.load_proxy()
        self.engine = store.connect(Workspace.find())
        if self.engine.dialect.name == "sqlite":  # a run may replace the file, so open it each time
            sa.event.listen(self.engine, "checkin", lambda _, entry: entry.invalidate(soft=True))
        # the check of a password is slow on purpose, and must not use all cores
        self.one_at_a_time = asyncio.Semaphore(1)
        self.ended: dict[str, float] = {}  # logged-out sessions, until their cookies expire
        # time of the last ledger entry of each proxy user
        self.vouched: dict[tuple[str, str], float] = {}

    @default("cookie_options")
    def _default_cookie_options(self) -> dict[str, object]:
        return {"samesite": "Strict", "expires_days": SESSION_HOURS / 24}

    @default("get_secure_cookie_kwargs")
    def _default_get_secure_cookie_kwargs(self) -> dict[str, object]:
        return {"max_age_days": SESSION_HOURS / 24}

    def get_handlers(self) -> list[tuple[str, Any]]:
        """Get the handlers of the forms."""
        base = self.parent.base_url
        handlers = {
            "login": forms.LoginHandler,
            "password": forms.PasswordHandler,
            "logout": forms.LogoutHandler,
            "session": forms.SessionHandler,
            r"evidence/([\w-]+)": forms.EvidenceHandler,
        }
        return [(url_path_join(base, name), handler) for name, handler in handlers.items()]

    def is_token_authenticated(self, handler: RequestHandler) -> bool:
        """Return False: tokens would bypass the protection against cross-site requests."""
        return False

    def get_user(self, handler: RequestHandler) -> User | None:
        """Get the user of a request, if they have access to what they request."""
        user = self._visitor(handler)
        kernels.CURRENT_USER.set(user.name if user else None)
        if user is None:
            return None
        if not isinstance(handler, forms.FormHandler):
            kernels.check_access(handler, user.name)
        return User(user.name)

    def is_still_valid(self, handler: RequestHandler) -> bool:
        """Tell whether the request that opened a connection still belongs to the same user."""
        try:
            user = self._visitor(handler)
        except HTTPError:
            return False
        return user is not None and user.name == handler.current_user.username

    async def authenticate_async(self, name: str, password: str) -> users.User:
        """Run `passwords.authenticate`, one at a time, without blocking other requests."""
        async with self.one_at_a_time:
            return await asyncio.to_thread(passwords.authenticate, self.engine, name, password)

    def get_proxy_user(self, handler: RequestHandler) -> str | None:
        """Get the user whom the proxy names; None if the proxy did not send the secret."""
        return self.proxy.name(handler.request.headers) if self.proxy else None

    def end_session(self, handler: RequestHandler) -> None:
        """End the session of this request at the server and in the browser."""
        now = time.time()
        self.ended = {nonce: until for nonce, until in self.ended.items() if until > now}
        if session := self._session(handler):
            self.ended[session["nonce"]] = now + SESSION_HOURS * 3600
        self.clear_login_cookie(handler)

    def user_to_cookie(self, user: User) -> str:
        """Make a signed cookie: name, nonce, and a proof that ends with the password."""
        known = users.find_user(self.engine, user.username)
        if known is None:
            raise HTTPError(403, "This user is gone.")
        return json.dumps(
            {"name": known.name, "proof": self._proof(known), "nonce": secrets.token_hex(16)}
        )

    def _proof(self, user: users.User) -> str:
        return hmac.digest(self.parent.cookie_secret, user.password.encode(), "sha256").hex()

    def _session(self, handler: RequestHandler) -> dict[str, str] | None:
        cookie = handler.get_secure_cookie(
            self.get_cookie_name(handler), **self.get_secure_cookie_kwargs
        )
        return json.loads(cookie) if cookie else None

    def _visitor(self, handler: RequestHandler) -> users.User | None:
        named = self.get_proxy_user(handler)
        if named is not None:
            return self._load_proxy_user(handler, named)
        session = self._session(handler)
        user = (
            users.find_user(self.engine, session["name"])
            if session and session["nonce"] not in self.ended
            else None
        )
        if (
            user is None
            or not user.active
            or user.one_time
            or not store.has_permission(user.role, "read")
        ):
            return None
        return user if hmac.compare_digest(session["proof"], self._proof(user)) else None

    def _load_proxy_user(self, handler: RequestHandler, name: str) -> users.User:
        """Get the user whom the proxy names, and record it once per session in the ledger."""
        user = (
            users.find_user(self.engine, name) if users.USER_NAME_PATTERN.fullmatch(name) else None
        )
        known = user is not None and user.active and store.has_permission(user.role, "read")
        reason = "" if known else "not active" if user else "unknown name"
        now, who = time.time(), name if user else "nobody"
        if now - self.vouched.get((who, reason), 0.0) > SESSION_HOURS * 3600:
            passwords.record_login(self.engine, who, reason, "proxy")
            self.vouched[who, reason] = now
        if user is None or not known:
            kernels.refuse_request(
                handler,
                403,
                f"The proxy named {name!r}, who is no active user of the review page. Ask "
                "an admin.",
            )
        return user
