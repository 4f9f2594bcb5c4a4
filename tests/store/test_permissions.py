"""What each role may do, and what a person is told who may not."""

import pytest

from fraudops import store
from fraudops.audit_app.auth import users
from fraudops.errors import UserError
from tests.support.page import person


def test_what_each_role_may():
    held = {
        role: {
            action
            for action in ("read", "review", "rollback", "export", "audit", "users")
            if store.has_permission(role, action)
        }
        for role in store.ROLES
    }
    assert held == {
        "analyst": {"read", "review"},
        "supervisor": {"read", "review", "rollback"},
        "auditor": {"read", "audit", "export"},
        "admin": {"read", "audit", "users", "rollback", "export"},
    }
    assert not store.has_permission("", "read") and not store.has_permission("root", "read")


def test_require_says_what_is_missing_and_follows_the_table(engine):
    person(engine, "ann", "auditor")

    def require(name: str, action: str) -> str:
        with engine.connect() as connection:
            return store.require_permission(connection, name, action)

    assert require("ann", "read") == "auditor"
    with pytest.raises(
        UserError,
        match=r"role auditor, which may not do this \(review\)\. It takes analyst or supervisor",
    ):
        require("ann", "review")
    users.change_role(engine, "ann", "analyst", "os:me")
    require("ann", "review")
    users.deactivate_user(engine, "ann", "os:me")
    for name in ("ann", "stranger"):
        with pytest.raises(UserError, match=f"no active user {name}"):
            require(name, "read")


def test_the_user_of_the_terminal_may_everything(engine):
    assert store.get_terminal_actor().startswith("os:")
    with engine.connect() as connection:
        assert store.require_permission(connection, "os:me", "users") == ""
    with pytest.raises(UserError, match="cannot be a name"):  # so no login can have such a name
        users.add_user(engine, "os:me", "analyst", "os:me")
