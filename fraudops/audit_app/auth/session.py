"""The user of the review page, as its kernel knows it: from the server, never from the browser."""

import getpass
import html
import os
from collections.abc import Callable

import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError


def is_served_by_voila() -> bool:
    """Tell whether Voilà runs this notebook, and not papermill or JupyterLab."""
    return os.environ.get("SERVER_SOFTWARE", "").startswith("voila")


def get_actor() -> str:
    """Get the user: in Voilà who logged in, elsewhere ``$FRAUDOPS_ACTOR`` or the system's user.

    Raises
    ------
    UserError
        In Voilà without a login.
    """
    if not is_served_by_voila():
        return os.environ.get("FRAUDOPS_ACTOR") or getpass.getuser()
    if not os.environ.get("FRAUDOPS_LOGIN"):  # set by the server, see `kernels.OwnedKernelManager`
        raise UserError("This page was opened without a login. Start it with `fraudops audit`.")
    return os.environ["FRAUDOPS_LOGIN"]


def get_role(engine: sa.Engine, actor: str) -> str:
    """Get the role of the user; in JupyterLab and papermill it is that of a supervisor.

    Raises
    ------
    UserError
        If the user may not read, or is no longer active.
    """
    if not is_served_by_voila():
        return "supervisor"
    with engine.connect() as connection:
        return store.require_permission(connection, actor, "read")


def make_permission_check(engine: sa.Engine, actor: str) -> Callable[[store.Permission], None]:
    """Make the check that each action calls first; without a login everything is allowed.

    The check reads the user anew each time. To hide buttons would not be enough: a user can send a
    click to any widget of their own kernel.
    """

    def require(action: store.Permission) -> None:
        if is_served_by_voila():
            with engine.connect() as connection:
                store.require_permission(connection, actor, action)

    return require


def get_base_url() -> str:
    """Get the path of the page's server, with a slash at the end."""
    return os.environ.get("VOILA_BASE_URL", "/")


def render_banner(actor: str, role: str) -> str:
    """Render who is logged in, with which role, and the link to log out."""
    words = f"You are <strong>{html.escape(actor)}</strong> ({html.escape(role)})."
    if is_served_by_voila():
        base = html.escape(get_base_url(), quote=True)
        words += f' <a href="{base}password">Change password</a> <a href="{base}logout">Log out</a>'
    return f'<p class="fo-who">{words}</p>'
