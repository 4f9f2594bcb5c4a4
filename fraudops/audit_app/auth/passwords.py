"""The check of a password.

It takes equally long for every name, and locks a name after failed attempts. Every login, accepted
or refused, is an entry of the ledger. The password itself is never written.
"""

import secrets
import time
from functools import cache

import sqlalchemy as sa
from jupyter_server.auth.security import passwd, passwd_check

from fraudops import ledger, store
from fraudops.audit_app.auth.users import (
    MAX_PASSWORD_LENGTH,
    USER_NAME_PATTERN,
    User,
    find_user,
    normalize_name,
    to_user,
)
from fraudops.errors import UserError

MAX_FAILED_LOGINS = 5  # wrong passwords in a row that lock the name
LOCK_SECONDS = 15 * 60
# one text for every cause does not reveal which names exist
LOGIN_REFUSED_MESSAGE = (
    f"Name and password do not fit. After {MAX_FAILED_LOGINS} wrong passwords in a row a "
    f"name is locked for {LOCK_SECONDS // 60} "
    "minutes, and a name that is no longer active cannot log in."
)


class LoginRefused(UserError):
    """A login was refused."""


def authenticate(engine: sa.Engine, name: str, password: str) -> User:
    """Find the user with this name and password.

    The answer to a wrong name takes as long as that to a wrong password.

    Raises
    ------
    LoginRefused
        With the same text for every cause. The ledger has the cause.
    """
    name, now = normalize_name(name), time.time()
    name = name if USER_NAME_PATTERN.fullmatch(name) else ""  # no user has an empty name
    user = find_user(engine, name)
    # outside the transaction, because the check is slow on purpose
    fits = passwd_check(
        user.password if user else _get_dummy_hash(), password[: MAX_PASSWORD_LENGTH + 1]
    )
    with store.write_transaction(engine) as connection:
        row = connection.execute(
            sa.select(store.users).where(store.users.c.name == name).with_for_update()
        ).first()
        reason = _find_refusal_reason(row, user, fits, now)
        # an unknown name is not written: it may be a password typed into the wrong
        # field
        _log_login(connection, name if row else "nobody", reason)
        if row and reason == "wrong password":
            failures = row.failures + 1
            locked = failures >= MAX_FAILED_LOGINS
            new = {
                "failures": 0 if locked else failures,
                "locked_until": now + LOCK_SECONDS if locked else 0.0,
            }
            connection.execute(store.users.update().where(store.users.c.name == name), new)
            if locked:
                ledger.append_entry(
                    connection,
                    "user",
                    "login",
                    name=name,
                    change="locked",
                    minutes=LOCK_SECONDS // 60,
                )
        elif row and not reason and row.failures:
            connection.execute(
                store.users.update().where(store.users.c.name == name), {"failures": 0}
            )
    if reason or row is None:
        raise LoginRefused(LOGIN_REFUSED_MESSAGE)
    return to_user(row)


def record_login(engine: sa.Engine, name: str, reason: str = "", via: str = "form") -> None:
    """Record a login by proxy, or its refusal, in the ledger."""
    with store.write_transaction(engine) as connection:
        _log_login(connection, name, reason, via)


def _find_refusal_reason(row: sa.Row | None, user: User | None, fits: bool, now: float) -> str:
    """Check again inside the writing transaction, so that parallel guesses count too."""
    if row is None or user is None:
        return "unknown name"
    if row.locked_until > now:
        return "locked"
    if not fits or row.password != user.password:
        return "wrong password"
    return "" if row.active else "not active"


def _log_login(connection: sa.Connection, name: str, reason: str, via: str = "form") -> None:
    refusal = {"reason": reason} if reason else {}
    ledger.append_entry(
        connection, "login", name, result="refused" if reason else "ok", via=via, **refusal
    )


@cache
def _get_dummy_hash() -> str:
    """Get the hash of a password that no user has."""
    return passwd(secrets.token_urlsafe(32))
