"""The roles of people, and what each role may do. What needs a right asks here."""

import getpass
from typing import Literal

import sqlalchemy as sa

from fraudops.errors import UserError
from fraudops.store.schema import users

Permission = Literal["read", "review", "rollback", "export", "audit", "users"]
ROLE_PERMISSIONS: dict[str, frozenset[Permission]] = {
    "analyst": frozenset({"read", "review"}),
    "supervisor": frozenset({"read", "review", "rollback"}),
    "auditor": frozenset({"read", "audit", "export"}),
    "admin": frozenset({"read", "audit", "users", "rollback", "export"}),
}
ROLES = tuple(ROLE_PERMISSIONS)
TERMINAL_PREFIX = "os:"  # no user of the page can have such a name


def get_terminal_actor() -> str:
    """Get the name of this terminal's user for the ledger; no user of the page can have it."""
    return f"{TERMINAL_PREFIX}{getpass.getuser()}"


def has_permission(role: str, action: Permission) -> bool:
    """Tell whether a role includes an action; an unknown role includes none."""
    return action in ROLE_PERMISSIONS.get(role, frozenset())


def require_permission(connection: sa.Connection, name: str, action: Permission) -> str:
    """Require that an active user has a role that includes the action.

    The user of the terminal may do everything, because that person can reach the database anyway.

    Parameters
    ----------
    connection : Connection
    name : str
        Of the user, as the ledger writes it.
    action : Permission

    Returns
    -------
    str
        The role; empty for the user of the terminal.

    Raises
    ------
    UserError
        Names the role and the missing permission.
    """
    if name.startswith(TERMINAL_PREFIX):
        return ""
    query = sa.select(users.c.role).where(users.c.name == name, users.c.active == 1)
    role = connection.scalar(query)
    if role is None:
        raise UserError(f"There is no active user {name}. Ask an admin.")
    if not has_permission(role, action):
        able = " or ".join(one for one in ROLES if has_permission(one, action))
        raise UserError(
            f"{name} has the role {role}, which may not do this ({action}). It takes {able}."
        )
    return role
