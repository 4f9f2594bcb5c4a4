"""Administration of users; only for people who may manage users."""

import time
from collections.abc import Callable

import ipywidgets as widgets

from fraudops import store, timeline
from fraudops.audit_app import templates
from fraudops.audit_app.auth import users
from fraudops.audit_app.widgets import PageContext, create_row, create_text
from fraudops.errors import UserError


class UsersTab:
    """Lists the users; adds one, or changes role, access or password of one.

    Each action is a function of `auth.users`, as in the command ``fraudops users``. The functions
    check the right themselves.
    """

    def __init__(self, context: PageContext):
        self.context = context
        self.shown, self.secret = create_text("fo-users"), create_text("fo-one-time")
        self.name = widgets.Text(description="Name", placeholder="a to z, 0 to 9, . _ @ -")
        self.role = widgets.Dropdown(description="Role", options=store.ROLES)
        self.add = context.button("Add the user", "fo-add-user", self._add)
        new = widgets.VBox([self.name, self.role, create_row(self.add)])
        self.chosen = widgets.Dropdown(description="User")
        self.other_role = widgets.Dropdown(description="New role", options=store.ROLES)
        buttons = {
            "role": context.button("Change the role", "fo-change-role", self._change_role),
            "reset": context.button("New password", "fo-reset-user", self._reset),
            "off": context.button("End the access", "fo-deactivate", self._act("deactivate")),
            "on": context.button("Give access again", "fo-activate", self._act("activate")),
        }
        self.buttons = buttons
        change = widgets.VBox([self.chosen, self.other_role, create_row(*buttons.values())])
        for widget, name in (
            (new, "fo-decide"),
            (change, "fo-decide"),
            (self.name, "fo-user-name"),
            (self.role, "fo-user-role"),
            (self.chosen, "fo-user-chosen"),
            (self.other_role, "fo-user-other-role"),
        ):
            widget.add_class(name)
        self.chosen.observe(context.guarded(self._offer_actions, quiet=True), "value")
        part = templates.load_template("audit_users.html.j2")
        titles = [widgets.HTML(part.render(part=name)) for name in ("add", "change")]
        self.widget = widgets.VBox([self.shown, self.secret, titles[0], new, titles[1], change])

    def draw(self) -> None:
        """Read the users again."""
        self.context.require("users")
        self.listed = {one.name: one for one in users.list_users(self.context.engine)}
        self.shown.value = templates.load_template("audit_users.html.j2").render(
            part="list",
            rows=[
                {"name": one.name, "role": one.role, "state": _describe_state(one)}
                for one in self.listed.values()
            ],
            roles={role: sorted(store.ROLE_PERMISSIONS[role]) for role in store.ROLES},
        )
        chosen = self.chosen.value
        self.chosen.options = list(self.listed)
        self.chosen.value = chosen if chosen in self.listed else next(iter(self.listed), None)
        self._offer_actions()

    def _offer_actions(self) -> None:
        """Show the actions that fit the chosen user; nobody changes their own role or access."""
        user = self.listed.get(self.chosen.value)
        is_other = user is not None and user.name != self.context.actor
        shown = {
            "role": is_other,
            "reset": user is not None,
            "off": is_other and user.active,
            "on": is_other and not user.active,
        }
        for name, button in self.buttons.items():
            button.layout.display = "" if shown[name] else "none"
        self.other_role.layout.display = "" if is_other else "none"
        if user is not None:
            self.other_role.value = user.role

    def _show_secret(self, name: str, password: str) -> None:
        """Show a one-time password until the next action."""
        self.secret.value = templates.load_template("audit_users.html.j2").render(
            part="secret", name=name, password=password
        )

    def _begin(self) -> str:
        self.context.require("users")
        self.secret.value = ""
        if self.chosen.value is None:
            raise UserError("Choose a user first.")
        return self.chosen.value

    def _add(self) -> None:
        self.context.require("users")
        self.secret.value = ""
        name = users.normalize_name(self.name.value)
        password = users.add_user(self.context.engine, name, self.role.value, self.context.actor)
        self.name.value = ""
        self.draw()
        self.chosen.value = name
        self._show_secret(name, password)
        self.context.show_message(f"The user {name} is added as {self.role.value}.")

    def _change_role(self) -> None:
        name, role = self._begin(), self.other_role.value
        users.change_role(self.context.engine, name, role, self.context.actor)
        self.draw()
        self.context.show_message(f"{name} is {role} from the next click on.")

    def _reset(self) -> None:
        name = self._begin()
        password = users.reset_password(self.context.engine, name, self.context.actor)
        self.draw()
        self._show_secret(name, password)
        self.context.show_message(f"{name} has a new one-time password.")

    def _act(self, what: str) -> Callable[[], None]:
        actions = {
            "deactivate": (users.deactivate_user, "can no longer log in"),
            "activate": (users.activate_user, "can log in again"),
        }
        change, words = actions[what]

        def act() -> None:
            name = self._begin()
            change(self.context.engine, name, self.context.actor)
            self.draw()
            self.context.show_message(f"{name} {words}.")

        return act


def _describe_state(user: users.User) -> str:
    now = time.time()
    states = {
        "not active": not user.active,
        f"locked until {timeline.format_time(user.locked_until)} UTC": user.locked_until > now,
        "has a one-time password": user.one_time,
    }
    return ", ".join(text for text, holds in states.items() if holds) or "active"
