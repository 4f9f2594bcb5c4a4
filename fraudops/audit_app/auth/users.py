"""The users of the review page: names, roles, passwords. Every change is an entry of the ledger."""

import re
import secrets
import time
from dataclasses import dataclass, field

import sqlalchemy as sa
from jupyter_server.auth.security import passwd, passwd_check

from fraudops import ledger, store
from fraudops.errors import UserError

USER_NAME_PATTERN = re.compile(r"[a-z0-9._@-]{2,40}")
MIN_PASSWORD_LENGTH, MAX_PASSWORD_LENGTH = 12, 200  # characters of a password


@dataclass(frozen=True)
class User:
    """A row of the table. The hash is not printed."""

    name: str
    role: str
    active: bool
    one_time: bool
    locked_until: float
    password: str = field(repr=False)


def normalize_name(name: str) -> str:
    """Normalize a name to small letters without spaces around it.

    Examples
    --------
    >>> normalize_name(" Ann ")
    'ann'
    """
    return name.strip().lower()


def find_user(engine: sa.Engine, name: str) -> User | None:
    """Find the user of a name, active or not."""
    with engine.connect() as connection:
        return _load_user(connection, name)


def list_users(engine: sa.Engine) -> list[User]:
    """List all users by name."""
    with engine.connect() as connection:
        return [
            to_user(row)
            for row in connection.execute(sa.select(store.users).order_by(store.users.c.name))
        ]


def add_user(engine: sa.Engine, name: str, role: str, by: str) -> str:
    """Add a user; return a one-time password that the first login must change.

    `by` is the user of the terminal, or a person with the permission ``users``. That holds for
    every function here that changes a user.

    Raises
    ------
    UserError
        If the name is taken or malformed, the role is unknown, or `by` may not do it.
    """
    name = normalize_name(name)
    if not USER_NAME_PATTERN.fullmatch(name):
        raise UserError(
            f"{name!r} cannot be a name: 2 to 40 of the letters a to z, digits, and . _ @ -"
        )
    _check_role(role)
    with store.write_transaction(engine) as connection:
        store.require_permission(connection, by, "users")
        password = _insert_user(connection, name, role, by)
    if password is None:
        raise UserError(
            f"There is a user {name} already. To give a new password: fraudops users reset {name}"
        )
    return password


def add_first_admin(engine: sa.Engine, by: str) -> str | None:
    """Add the user `admin` if there is no admin; return the one-time password, else None."""
    one = store.users.c
    with store.write_transaction(engine) as connection:
        is_admin = sa.or_(one.role == "admin", one.name == "admin")
        if connection.scalar(sa.select(one.name).where(is_admin).limit(1)) is not None:
            return None
        return _insert_user(connection, "admin", "admin", by)


def change_role(engine: sa.Engine, name: str, role: str, by: str) -> None:
    """Change a role, from the user's next click on.

    Raises
    ------
    UserError
        If user or role is unknown, `by` may not do it, or it is the own role.
    """
    _check_role(role)
    _update_user(engine, name, by, "role", {"role": role}, role=role)


def deactivate_user(engine: sa.Engine, name: str, by: str) -> None:
    """End the user's access from the next click on. What the user did stays.

    Raises
    ------
    UserError
        If the user is unknown, `by` may not do it, or it is their own access.
    """
    _update_user(engine, name, by, "deactivated", {"active": 0})


def activate_user(engine: sa.Engine, name: str, by: str) -> None:
    """Give access again, with the same password.

    Raises
    ------
    UserError
        If the user is unknown, or `by` may not do it.
    """
    _update_user(engine, name, by, "activated", {"active": 1, "failures": 0, "locked_until": 0.0})


def reset_password(engine: sa.Engine, name: str, by: str) -> str:
    """Set a one-time password, remove a lock, and end open sessions.

    Raises
    ------
    UserError
        If the user is unknown, or `by` may not do it.
    """
    password = _generate_password()
    values = {"password": passwd(password), "one_time": 1, "failures": 0, "locked_until": 0.0}
    _update_user(engine, name, by, "password reset", values)
    return password


def set_password(engine: sa.Engine, name: str, password: str, by: str) -> None:
    """Set a lasting password, and end open sessions.

    Raises
    ------
    UserError
        If it is too short, too long, the name or the old password, the user is unknown, or it is
        the password of another person.
    """
    name = normalize_name(name)
    if not MIN_PASSWORD_LENGTH <= len(password) <= MAX_PASSWORD_LENGTH:
        raise UserError(
            f"A password has {MIN_PASSWORD_LENGTH} to {MAX_PASSWORD_LENGTH} characters; "
            f"this one has {len(password)}."
        )
    user = find_user(engine, name)
    if user and (normalize_name(password) == name or passwd_check(user.password, password)):
        raise UserError("The new password must differ from the old one and from the name.")
    _update_user(engine, name, by, "password", {"password": passwd(password), "one_time": 0})


def _check_role(role: str) -> None:
    if role not in store.ROLES:
        raise UserError(f"There is no role {role!r}. The roles are {', '.join(store.ROLES)}.")


def _generate_password() -> str:
    return secrets.token_urlsafe(15)


def to_user(row: sa.Row) -> User:
    return User(
        row.name, row.role, bool(row.active), bool(row.one_time), row.locked_until, row.password
    )


def _load_user(connection: sa.Connection, name: str) -> User | None:
    row = connection.execute(
        sa.select(store.users).where(store.users.c.name == normalize_name(name))
    ).first()
    return to_user(row) if row else None


def _insert_user(connection: sa.Connection, name: str, role: str, by: str) -> str | None:
    password = _generate_password()
    row = {
        "name": name,
        "role": role,
        "password": passwd(password),
        "one_time": 1,
        "active": 1,
        "created_at": time.time(),
    }
    try:
        with connection.begin_nested():
            connection.execute(store.users.insert(), row)
    except sa.exc.IntegrityError:  # the name is taken, perhaps since the check above
        return None
    ledger.append_entry(connection, "user", by, name=name, change="added", role=role)
    return password


def _update_user(
    engine: sa.Engine, name: str, by: str, change: str, values: dict[str, object], **details: str
) -> None:
    name = normalize_name(name)
    with store.write_transaction(engine) as connection:
        _check_changer(connection, name, by, change)
        if not connection.execute(
            store.users.update().where(store.users.c.name == name), values
        ).rowcount:
            raise UserError(f"There is no user {name}. `fraudops users list` shows who there is.")
        ledger.append_entry(connection, "user", by, name=name, change=change, **details)


def _check_changer(connection: sa.Connection, name: str, by: str, change: str) -> None:
    """Check who changes a user: a person may replace only their own password.

    Nobody changes their own role or access on the page, so there is always an admin left.
    """
    if change == "password" and by == name:
        return
    if by == name and change in ("role", "deactivated"):
        raise UserError(f"{by} cannot change the own role or access. Another admin can.")
    store.require_permission(connection, by, "users")
