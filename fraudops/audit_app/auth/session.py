"""Who is at the review page, seen from its kernel: the server says it, and nothing that comes from
the browser.
"""

import getpass
import html
import os
from collections.abc import Callable

import sqlalchemy as sa

from fraudops.audit_app.auth import users
from fraudops.errors import UserError


def is_served_by_voila() -> bool:
    """Whether a person looks at this notebook through Voilà, and not papermill or JupyterLab."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


def get_actor() -> str:
    """Under Voilà who logged in, elsewhere ``$FRAUDOPS_ACTOR``, else the operating system's user.

    Raises
    ------
    UserError
        Under Voilà without a login: nobody works there under the name of the machine's user.
    """
    if not is_served_by_voila():
        return os.environ.get("FRAUDOPS_ACTOR") or getpass.getuser()
    if not os.environ.get("FRAUDOPS_LOGIN"):  # set by the server, see `kernels.OwnedKernelManager`
        raise UserError("This page was opened without a login. Start it with `fraudops audit`.")
    return os.environ["FRAUDOPS_LOGIN"]


def get_role(engine: sa.Engine, actor: str) -> str:
    """The role of who is at the page; in JupyterLab and papermill, where nobody logs in, that of a
    supervisor.

    Raises
    ------
    UserError
        If the user may not read, or is no longer active.
    """
    return (
        users.require_permission(engine, actor, "read").role
        if is_served_by_voila()
        else "supervisor"
    )


def make_permission_check(engine: sa.Engine, actor: str) -> Callable[[users.Permission], None]:
    """What each action asks first: looked up anew each time; without a login everything is allowed.

    Buttons are not hidden by role: who is logged in could send a click to any widget of their own
    kernel.
    """

    def require(action: users.Permission) -> None:
        if is_served_by_voila():
            users.require_permission(engine, actor, action)

    return require


def render_banner(actor: str, role: str) -> str:
    """HTML: who is at the page, as what, and the way out; without a login there is nothing to
    leave.
    """
    words = f"You are <strong>{html.escape(actor)}</strong> ({html.escape(role)})."
    if is_served_by_voila():
        base = html.escape(os.environ.get("VOILA_BASE_URL", "/"), quote=True)
        words += f' <a href="{base}password">Change password</a> <a href="{base}logout">Log out</a>'
    return f'<p class="fo-who">{words}</p>'
