"""The command `fraudops users`: the users of the review page, their roles and passwords."""

import argparse
import sys
import time

import sqlalchemy as sa

from fraudops import store
from fraudops.audit_app.auth import users
from fraudops.errors import UserError
from fraudops.workspace import Workspace

RESULT_MESSAGES = {
    "role": "{name} is {role} from the next click on.",
    "deactivate": "{name} can no longer log in, and open pages stop at the next click.",
    "activate": "{name} can log in again.",
}


def print_first_admin(workspace: Workspace) -> None:
    """Create the user `admin` if there is no admin yet, and print the one-time password once.

    Parameters
    ----------
    workspace : Workspace
    """
    engine = store.connect(workspace)
    password = users.add_first_admin(engine, store.get_terminal_actor())
    engine.dispose()
    if password:
        print(f"This start made the user admin. One-time password, shown only now: {password}")
        print("More users: fraudops users add NAME --role ROLE (an admin decides no cases).")


def _format_users(listed: list[users.User]) -> str:
    now = time.time()
    lines = [f"{'name':<40} {'role':<10} state"]
    for user in listed:
        states = {
            "not active": not user.active,
            "locked": user.locked_until > now,
            "one-time password": user.one_time,
        }
        lines.append(
            f"{user.name:<40} {user.role:<10} "
            f"{', '.join(text for text, holds in states.items() if holds) or 'active'}"
        )
    return (
        "\n".join(lines)
        if listed
        else "There are no users yet. The first `fraudops audit` makes an admin."
    )


def _run_command(arguments: argparse.Namespace, engine: sa.Engine) -> str:
    if arguments.do == "list":
        return _format_users(users.list_users(engine))
    name, by = users.normalize_name(arguments.name), store.get_terminal_actor()
    if arguments.do in ("add", "reset"):
        password = (
            users.add_user(engine, name, arguments.role, by)
            if arguments.do == "add"
            else users.reset_password(engine, name, by)
        )
        return f"One-time password of {name}, shown only now: {password}"
    if arguments.do == "role":
        users.change_role(engine, name, arguments.role, by)
    else:
        {"deactivate": users.deactivate_user, "activate": users.activate_user}[arguments.do](
            engine, name, by
        )
    return RESULT_MESSAGES[arguments.do].format(name=name, role=getattr(arguments, "role", ""))


def run_users_command(given: list[str]) -> int:
    """Run `fraudops users`.

    Parameters
    ----------
    given : list of str
        The arguments after ``fraudops users``.

    Returns
    -------
    int
        Exit code: 0, or 2 if the command failed.
    """
    parser = argparse.ArgumentParser(prog="fraudops users", description=__doc__)
    common = argparse.ArgumentParser(add_help=False)
    common.add_argument(
        "--workspace", metavar="DIR", help="the folder of the run (default artifacts/)"
    )
    commands = parser.add_subparsers(dest="do", required=True)
    commands.add_parser(
        "list", parents=[common], help="names, roles, and who is locked or not active"
    )
    named = {
        "add": "a new user, with a one-time password",
        "role": "give another role",
        "reset": "a new one-time password; lifts a lock",
        "deactivate": "end the access of a user",
        "activate": "give it back",
    }
    for command, help_text in named.items():
        subcommand = commands.add_parser(command, parents=[common], help=help_text)
        subcommand.add_argument("name", metavar="NAME")
        if command == "add":
            subcommand.add_argument("--role", required=True, choices=store.ROLES)
        elif command == "role":
            subcommand.add_argument(
                "role", metavar="ROLE", choices=store.ROLES, help=", ".join(store.ROLES)
            )
    arguments = parser.parse_args(given)
    engine = store.connect(Workspace.find(arguments.workspace))
    try:
        print(_run_command(arguments, engine))
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    finally:
        engine.dispose()
    return 0
