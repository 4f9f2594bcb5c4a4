"""The forms of the login, and what else the page's server answers besides the page."""

import asyncio
import tempfile
from importlib.resources import files
from typing import Any

import jinja2
from jupyter_server.auth.decorator import allow_unauthenticated
from jupyter_server.auth.identity import User
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.utils import ensure_async
from markupsafe import Markup
from tornado import web
from tornado.web import HTTPError

from fraudops import ledger
from fraudops.audit_app.auth import users
from fraudops.errors import UserError
from fraudops.workspace import Workspace

DOWNLOAD_CHUNK_BYTES = 1_000_000  # of a download that are held at once


def render_form(**shown: object) -> str:
    """Render a login form; values are escaped."""
    text = files("fraudops.audit_app.auth").joinpath("login.html.j2").read_text(encoding="utf-8")
    return (
        jinja2.Environment(autoescape=True, undefined=jinja2.StrictUndefined)
        .from_string(text)
        .render(shown)
    )


class FormHandler(JupyterHandler):
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
                xsrf=Markup(self.xsrf_form_html()),  # noqa: S704 (made by Tornado)
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


class LoginHandler(FormHandler):
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


class PasswordHandler(FormHandler):
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


class LogoutHandler(FormHandler):
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


class SessionHandler(FormHandler):
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


class EvidenceHandler(FormHandler):
    """Sends an evidence pack as a zip file to a user who may export."""

    @web.authenticated
    async def get(self, name: str) -> None:
        """Send the pack. The download is an entry of the ledger."""
        folder = ledger.find_evidence_pack(Workspace.find(), name)
        if folder is None:
            raise HTTPError(404, "There is no such evidence pack.")
        user, engine = self.current_user.username, self.identity_provider.engine
        with tempfile.TemporaryFile() as out:
            try:
                await asyncio.to_thread(ledger.zip_evidence_pack, engine, folder, user, out)
            except UserError as error:
                return self.show("sorry", 403, message=str(error))
            self.set_header("Content-Type", "application/zip")
            self.set_header("Content-Disposition", f'attachment; filename="{name}.zip"')
            self.set_header("Cache-Control", "no-store")
            out.seek(0)
            while chunk := out.read(DOWNLOAD_CHUNK_BYTES):
                self.write(chunk)
                await self.flush()
        return self.finish()
