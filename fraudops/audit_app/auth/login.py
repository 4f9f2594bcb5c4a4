"""The login of the review page: forms, session cookie, and the user of every request.

`voila.json` names these classes.
"""

import asyncio
import hmac
import json
import secrets
import time
from importlib.resources import files
from typing import Any

import jinja2
import sqlalchemy as sa
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import IdentityProvider, User
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async, url_path_join
from markupsafe import Markup
from tornado.web import HTTPError, RequestHandler
from traitlets import default

from fraudops import store
from fraudops.audit_app.auth import kernels, passwords, proxy, users
from fraudops.errors import UserError
from fraudops.workspace import Workspace

SESSION_HOURS = 8  # of a session


def render_form(**shown: object) -> str:
    """Render a login form; values are escaped."""
    text = files("fraudops.audit_app.auth").joinpath("login.html.j2").read_text(encoding="utf-8")
    return (
        jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        .from_string(text)
        .render(shown)
    )


class _FormHandler(JupyterHandler):
    """A form that needs no login, but the token against cross-site requests."""

    kind = ""

    def show(self, kind: str = "", status: int = 200, name: str = "", message: str = "") -> None:
        self.set_status(status)
        self.set_header("Cache-Control", "no-store")
        self.finish(
            render_form(
                kind=kind or self.kind,
                base=self.base_url,
                name=name,
                message=message,
                wrong=status >= 400,
                shortest=users.MIN_PASSWORD_LENGTH,
                longest=users.MAX_PASSWORD_LENGTH,
                xsrf=Markup(self.xsrf_form_html()),
            )
        )

    def write_error(self, status_code: int, **kwargs: Any) -> None:
        """Write a plain message. Jupyter's error page needs files that Voilà does not serve."""
        error = kwargs.get("exc_info", (None, None))[1]
        if status_code >= 500:
            text = "Something went wrong that should not have. The server's log has the details."
        elif self.request.method == "POST":
            text = "The form was out of date, or came from another site. Open it again."
        else:
            text = (
                str(error.log_message % error.args)
                if isinstance(error, HTTPError) and error.log_message
                else ""
            )
        self.show("sorry", status_code, message=text)

    def typed(self, field: str) -> str:
        return self.get_body_argument(field, "", strip=False)

    def enter(self, user: users.User) -> None:
        self.log.info("%s (%s) logged in.", user.name, user.role)
        self.identity_provider.set_login_cookie(self, User(user.name))
        self.redirect(self.base_url)


class LoginHandler(_FormHandler):
    """Name and password. A one-time password leads only to the form that replaces it."""

    kind = "login"

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form, or the page if the user is logged in already."""
        if self.current_user:
            self.redirect(self.base_url)
        else:
            self.show()

    @allow_unauthenticated
    async def post(self) -> None:
        """Check name and password."""
        name = users.normalize_name(self.typed("name"))
        try:
            user = await self.identity_provider.authenticate_async(name, self.typed("password"))
        except UserError as error:
            return self.show(status=401, name=name, message=str(error))
        if user.one_time:
            return self.show(
                "password", name=name, message="This was a one-time password. Choose your own."
            )
        return self.enter(user)


class PasswordHandler(_FormHandler):
    """Replace a password that the user knows. After a one-time password it is the only way on."""

    kind = "password"

    @allow_unauthenticated
    def get(self) -> None:
        """Show the form."""
        self.show(name=self.current_user.username if self.current_user else "")

    @allow_unauthenticated
    async def post(self) -> None:
        """Change the password, end all sessions of the user, and log in."""
        provider, name, new = (
            self.identity_provider,
            users.normalize_name(self.typed("name")),
            self.typed("new"),
        )
        try:
            user = await provider.authenticate_async(name, self.typed("password"))
        except UserError as error:
            return self.show(status=401, name=name, message=str(error))
        try:
            if new != self.typed("again"):
                raise UserError("The two new passwords differ.")
            await asyncio.to_thread(users.set_password, provider.engine, name, new, name)
        except UserError as error:
            return self.show(status=400, name=name, message=str(error))
        return self.enter(user)


class LogoutHandler(_FormHandler):
    """Ends the session at the server too, so that a copy of its cookie is worthless."""

    kind = "bye"

    @allow_unauthenticated
    def get(self) -> None:
        """Log out. Another site cannot do it, because it gets no cookie of this page."""
        if self.identity_provider.get_proxy_user(self):
            return self.show(
                "sorry", message="The proxy before this page logged you in: log out there."
            )
        if self.current_user:
            self.identity_provider.end_session(self)
        return self.show()


class SessionHandler(_FormHandler):
    """Tells the page who is logged in and whether its kernel lives, so that it notices the end."""

    @allow_unauthenticated
    async def get(self) -> None:
        """Write user and kernel as JSON: the name, null without a login; and true while the kernel
        that the query names belongs to the user and runs.
        """
        self.set_header("Cache-Control", "no-store")
        # sets the cookie with which the page ends its kernel; behind a proxy no form sets it
        _ = self.xsrf_token
        name = self.current_user.username if self.current_user else None
        kernel_id = self.get_query_argument("kernel", "")
        manager = self.settings["kernel_manager"]
        is_own = bool(name) and getattr(manager, "owners", {}).get(kernel_id) == name
        lives = is_own and await ensure_async(manager.is_alive(kernel_id))
        self.finish({"user": name, "kernel": bool(lives)})


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
        forms = {
            "login": LoginHandler,
            "password": PasswordHandler,
            "logout": LogoutHandler,
            "session": SessionHandler,
        }
        return [(url_path_join(base, name), handler) for name, handler in forms.items()]

    def is_token_authenticated(self, handler: RequestHandler) -> bool:
        """Return False: tokens would bypass the protection against cross-site requests."""
        return False

    def get_user(self, handler: RequestHandler) -> User | None:
        """Get the user of a request, if they have access to what they request."""
        user = self._visitor(handler)
        kernels.CURRENT_USER.set(user.name if user else None)
        if user is None:
            return None
        if not isinstance(handler, _FormHandler):
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
            or not users.has_permission(user.role, "read")
        ):
            return None
        return user if hmac.compare_digest(session["proof"], self._proof(user)) else None

    def _load_proxy_user(self, handler: RequestHandler, name: str) -> users.User:
        """Get the user whom the proxy names, and record it once per session in the ledger."""
        user = (
            users.find_user(self.engine, name) if users.USER_NAME_PATTERN.fullmatch(name) else None
        )
        known = user is not None and user.active and users.has_permission(user.role, "read")
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
