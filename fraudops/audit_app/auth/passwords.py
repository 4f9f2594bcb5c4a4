"""The check of a password: it takes equally long for every name, and locks a name that is guessed.

Every login, accepted or refused, is an entry of the ledger. What was typed is never written down.
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

MAX_FAILED_LOGINS = 5  # wrong passwords in a row, then the name is locked
LOCK_SECONDS = 15 * 60
# one text for every cause, so that a stranger cannot find out which names exist
LOGIN_REFUSED_MESSAGE = (
    f"Name and password do not fit. After {MAX_FAILED_LOGINS} wrong passwords in a row a "
    f"name is locked for {LOCK_SECONDS // 60} "
    "minutes, and a name that is no longer active cannot log in."
)


class LoginRefused(UserError):
    """A login that was not granted."""


def authenticate(engine: sa.Engine, name: str, password: str) -> User:
    """The user who has this name and password. The answer to a wrong name takes as long as that to
    a wrong password.

    Raises
    ------
    Refused
        With the same words for every cause. The ledger has the cause, and never what was typed as a
        password.
    """
    name, now = normalize_name(name), time.time()
    name = name if USER_NAME_PATTERN.fullmatch(name) else ""  # whom nobody is called
    user = find_user(engine, name)
    # outside the transaction, because it takes a moment on purpose
    fits = passwd_check(
        user.password if user else _get_dummy_hash(), password[: MAX_PASSWORD_LENGTH + 1]
    )
    with store.write_transaction(engine) as connection:
        row = connection.execute(
            sa.select(store.users).where(store.users.c.name == name).with_for_update()
        ).first()
        reason = _find_refusal_reason(row, user, fits, now)
        # a name that nobody has is not written down: it may be a password typed into the wrong
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
    """Enter a login that an authenticating proxy vouched for, or its refusal, in the ledger."""
    with store.write_transaction(engine) as connection:
        _log_login(connection, name, reason, via)


def _find_refusal_reason(row: sa.Row | None, user: User | None, fits: bool, now: float) -> str:
    """Looked at again in the writing transaction, so that guesses side by side count like guesses
    in a row.
    """
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
    """The hash of a password that nobody has."""
    return passwd(secrets.token_urlsafe(32))
