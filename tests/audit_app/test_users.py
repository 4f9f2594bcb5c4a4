"""Who may log in to the review page: names, roles, passwords, locks, and the command line."""

import json
import re
import time
from concurrent.futures import ThreadPoolExecutor

import pytest
import sqlalchemy as sa

from fraudops import audit_app, cli, ledger, store
from fraudops.audit_app.auth import passwords, users
from fraudops.errors import UserError
from tests.support.page import PASSWORD, person


def entries(engine, event: str) -> list[dict]:
    with engine.connect() as connection:
        assert ledger.verify_chain(connection) is None
        return ledger.load_entries(connection, event)


def test_the_first_start_makes_one_admin_once(engine):
    with ThreadPoolExecutor(4) as starts:  # four servers at once
        passwords = list(starts.map(lambda _: users.add_first_admin(engine, "os:me"), range(4)))
    assert sum(password is not None for password in passwords) == 1
    [admin] = users.list_users(engine)
    assert (admin.name, admin.role, admin.one_time) == ("admin", "admin", True)
    assert [entry["actor"] for entry in entries(engine, "user")] == ["os:me"]


def test_an_admin_is_made_although_an_analyst_was_added_before(engine):
    person(engine, "ann", "analyst")
    assert users.add_first_admin(engine, "os:me") and not users.add_first_admin(engine, "os:me")
    assert {user.name: user.role for user in users.list_users(engine)} == {
        "ann": "analyst",
        "admin": "admin",
    }


def test_a_password_is_checked_and_never_written_down(engine):
    once = users.add_user(engine, " Ann@Bank.example ", "analyst", "os:me")
    assert passwords.authenticate(engine, "ann@bank.example", once).one_time
    users.set_password(engine, "ann@bank.example", PASSWORD, "ann@bank.example")
    assert not passwords.authenticate(engine, "ANN@bank.example", PASSWORD).one_time
    for name, password in (
        ("ann@bank.example", once),
        ("ann@bank.example", ""),
        ("my secret typed as a name", "x"),
        ("\0", "x"),
    ):
        with pytest.raises(passwords.LoginRefused) as refused:
            passwords.authenticate(engine, name, password)
        assert str(refused.value) == passwords.LOGIN_REFUSED_MESSAGE
    with engine.connect() as connection:
        written = json.dumps(ledger.load_entries(connection)) + str(
            connection.execute(sa.select(store.users)).all()
        )
    assert not any(
        word in written for word in (once, PASSWORD, "my secret")
    ) and PASSWORD not in repr(users.list_users(engine))
    assert "argon2" not in json.dumps(entries(engine, "user")) and "argon2" not in repr(
        users.list_users(engine)
    )
    said = [
        (entry["actor"], entry["payload"]["result"], entry["payload"].get("reason"))
        for entry in entries(engine, "login")
    ]
    name = "ann@bank.example"
    right, wrong = [(name, "ok", None)], [(name, "refused", "wrong password")]
    assert said == right * 2 + wrong * 2 + [("nobody", "refused", "unknown name")] * 2


def test_an_unknown_name_costs_as_much_as_a_wrong_password(engine, monkeypatch):
    person(engine, "ann")
    hashes = []
    monkeypatch.setattr(
        passwords, "passwd_check", lambda hashed, _: hashes.append(hashed.split("$")[:4]) or False
    )
    for name in ("ann", "stranger"):
        with pytest.raises(passwords.LoginRefused):
            passwords.authenticate(engine, name, "something")
    assert len(hashes) == 2 and hashes[0] == hashes[1]  # the same algorithm with the same effort


def test_five_wrong_passwords_lock_the_name_even_side_by_side(engine, monkeypatch):
    person(engine, "ann")

    def guess(number: int) -> bool:
        try:
            return bool(passwords.authenticate(engine, "ann", f"guess {number}"))
        except passwords.LoginRefused:
            return False

    for number in range(passwords.MAX_FAILED_LOGINS - 1):
        assert not guess(number)
    passwords.authenticate(engine, "ann", PASSWORD)  # the count is of wrong ones in a row
    with ThreadPoolExecutor(4) as guesses:
        assert not any(guesses.map(guess, range(8)))
    reasons = [entry["payload"].get("reason") for entry in entries(engine, "login")]
    assert reasons[-8:] == ["wrong password"] * 5 + ["locked"] * 3
    with pytest.raises(passwords.LoginRefused):
        passwords.authenticate(engine, "ann", PASSWORD)  # right, and too late
    assert entries(engine, "user")[-1]["payload"] == {
        "name": "ann",
        "change": "locked",
        "minutes": 15,
    }
    later = time.time() + passwords.LOCK_SECONDS + 1
    monkeypatch.setattr(passwords.time, "time", lambda: later)
    assert passwords.authenticate(engine, "ann", PASSWORD).name == "ann"


def test_bad_input_is_refused_in_words(engine):
    person(engine, "ann")
    for name in ("a", "x" * 41, "two words", "os:root", "ä", "<b>", ""):
        with pytest.raises(UserError, match="cannot be a name"):
            users.add_user(engine, name, "analyst", "os:me")
    with pytest.raises(UserError, match="is a user ann already"):
        users.add_user(engine, "ann", "analyst", "os:me")
    with pytest.raises(UserError, match="no role 'root'"):
        users.add_user(engine, "bob", "root", "os:me")
    for password, words in (
        ("short", "12 to 200"),
        ("x" * 201, "12 to 200"),
        (PASSWORD, "must differ"),
    ):
        with pytest.raises(UserError, match=words):
            users.set_password(engine, "ann", password, "ann")
    for change in (users.deactivate_user, users.activate_user, users.reset_password):
        with pytest.raises(UserError, match="no user bob"):
            change(engine, "bob", "os:me")


def test_users_at_the_command_line(workspace, engine, capsys):
    def run(*words: str) -> str:
        assert cli.main(["users", *words, "--workspace", str(workspace.root)]) == 0
        return capsys.readouterr().out

    assert "no users yet" in run("list")
    once = run("add", "ann", "--role", "analyst").split()[-1]
    assert passwords.authenticate(engine, "ann", once).one_time
    again = run("reset", "ann").split()[-1]
    assert again != once and passwords.authenticate(engine, "ann", again)
    run("role", "ann", "auditor")
    run("deactivate", "ann")
    assert re.search(r"ann +auditor +not active, one-time password", run("list"))
    run("activate", "ann")
    assert "not active" not in run("list")
    assert (
        audit_app.run_users_command(
            ["add", "ann", "--role", "analyst", "--workspace", str(workspace.root)]
        )
        == 2
    )
    assert "already" in capsys.readouterr().err
    changes = entries(engine, "user")
    assert {entry["actor"] for entry in changes} == {
        store.get_terminal_actor()
    } and store.get_terminal_actor().startswith("os:")
    assert [entry["payload"]["change"] for entry in changes] == [
        "added",
        "password reset",
        "role",
        "deactivated",
        "activated",
    ]


def test_half_a_proxy_is_no_start(workspace, tmp_path, monkeypatch, capsys):
    short = tmp_path / "short"
    short.write_text("guessable\n")
    monkeypatch.setenv("FRAUDOPS_PROXY_HEADER", "X-Forwarded-User")
    for file, words in (
        (None, "go together"),
        (tmp_path / "missing", "cannot be read"),
        (short, "at least 32"),
    ):
        if file:
            monkeypatch.setenv("FRAUDOPS_PROXY_SECRET_FILE", str(file))
        assert cli.main(["audit", "--workspace", str(workspace.root)]) == 2
        assert words in capsys.readouterr().err


def test_users_of_an_earlier_operation_are_entered_in_the_ledger_of_the_next(engine):
    users.add_user(engine, "ann", "analyst", "os:test")
    row = {
        "name": "bob",
        "role": "auditor",
        "password": "x",
        "one_time": 0,
        "active": 0,
        "created_at": 1.0,
    }
    with store.write_transaction(engine) as connection:
        connection.execute(store.users.insert(), row)  # as `store.begin_operation` does
        for _ in range(2):
            ledger.log_carried_over_users(connection)
    with store.read_transaction(engine) as connection:
        taken = [
            one["payload"]
            for one in ledger.load_entries(connection, "user")
            if one["payload"]["change"] == "taken over"
        ]
        assert taken == [
            {"name": "bob", "change": "taken over", "role": "auditor", "active": False}
        ]
        assert list(ledger.find_differences(connection)) == []


def test_only_an_admin_or_the_terminal_changes_users(engine):
    person(engine, "root2", "admin")
    for name, role in (("ann", "analyst"), ("sue", "supervisor"), ("cem", "auditor")):
        person(engine, name, role)
    before = len(entries(engine, "user"))
    for by in ("ann", "sue", "cem", "stranger", "pipeline", ""):
        for act in (
            lambda by=by: users.add_user(engine, "new", "admin", by),
            lambda by=by: users.change_role(engine, "bob", "admin", by),
            lambda by=by: users.change_role(engine, by, "admin", by),
            lambda by=by: users.deactivate_user(engine, "root2", by),
            lambda by=by: users.activate_user(engine, "root2", by),
            lambda by=by: users.reset_password(engine, "root2", by),
            lambda by=by: users.set_password(engine, "root2", "another long password", by),
        ):
            with pytest.raises(
                UserError, match=r"may not do this \(users\)|no active user|the own"
            ):
                act()
    assert len(entries(engine, "user")) == before
    users.change_role(engine, "ann", "auditor", "root2")
    users.add_user(engine, "new", "analyst", "root2")
    users.set_password(engine, "ann", "another long password", "ann")  # the own one
    assert [entry["actor"] for entry in entries(engine, "user")[before:]] == ["root2"] * 2 + ["ann"]


def test_an_admin_remains_whatever_admins_do(engine):
    for name in ("eva", "max"):
        person(engine, name, "admin")
    for change in (
        lambda: users.deactivate_user(engine, "eva", "eva"),
        lambda: users.change_role(engine, "eva", "auditor", "eva"),
    ):
        with pytest.raises(UserError, match="Another admin can"):
            change()
    users.deactivate_user(engine, "eva", "max")
    with pytest.raises(UserError, match="no active user eva"):
        users.deactivate_user(engine, "max", "eva")
