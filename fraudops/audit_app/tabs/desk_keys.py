"""Keys of the review desk: the browser sends each with the case that was on the screen."""

import json
from collections.abc import Callable
from dataclasses import dataclass

import ipywidgets as widgets

from fraudops.audit_app.widgets import PageContext


@dataclass(frozen=True)
class KeyPress:
    """A key that was pressed.

    Attributes
    ----------
    key : str
        A small letter, a digit, ``enter`` or ``record``.
    on_screen : str
        What `KeyChannel.marker` said when it was pressed; empty while a case was drawn.
    note : str or None
        The text of the note, if it was sent along.
    """

    key: str
    on_screen: str
    note: str | None


class KeyChannel:
    """Carries the keys from the browser to the kernel in their order, and loses none.

    The hidden field holds the latest keys with their numbers, because the browser leaves out values
    that are outdated before they are sent.
    """

    def __init__(self, context: PageContext, handle: Callable[[KeyPress], None]):
        self.context, self.handle = context, handle
        self.seen = 0
        self.field = widgets.Text()
        self.field.add_class("fo-keys")
        self.field.observe(self._receive, "value")
        self.marker = widgets.HTML()  # says what is on the screen, once all of it is
        self.marker.add_class("fo-on-screen")
        self.widget = widgets.Box([self.field, self.marker])
        self.widget.add_class("fo-not-shown")

    def _receive(self, change: dict) -> None:
        try:
            pressed = [(int(one[0]), KeyPress(*one[1:])) for one in json.loads(change["new"])]
        except (TypeError, ValueError):
            return  # no person has typed this
        for number, press in pressed:
            if number > self.seen:
                self.seen = number
                self.context.guarded(lambda press=press: self.handle(press))()
