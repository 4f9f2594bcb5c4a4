"""The pager week as a page of widgets, for JupyterLab and Voilà."""

import html

import ipywidgets as widgets
from IPython.display import display

from fraudops.errors import UserError
from fraudops.incidents.game import HELP
from fraudops.incidents.replay import PagerSession
from fraudops.incidents.schedule import CAUSES


def show_pager() -> None:
    """Show a field for the student's id; then the game, with a field and buttons for commands.

    Every command is the same as on the command line, and is kept in the same file.
    """
    student = widgets.Text(description="Student")
    begin = widgets.Button(description="Begin", tooltip="Make the world, or continue")
    place, message = widgets.VBox(), widgets.HTML()

    def on_begin(_button: widgets.Button) -> None:
        message.value = "The world of your three weeks is made. This takes about half a minute."
        begin.disabled = True
        try:
            place.children = [_make_desk(PagerSession(student.value.strip()))]
            message.value = ""
        except UserError as error:
            message.value = html.escape(str(error))
            begin.disabled = False

    begin.on_click(on_begin)
    display(widgets.VBox([widgets.HBox([student, begin]), message, place]))


def _make_desk(session: PagerSession) -> widgets.Widget:
    """Make the morning page, the answer, and what a player can do."""
    morning, answer = widgets.HTML(), widgets.HTML()
    command = widgets.Text(placeholder="for example: look data", description="Command")
    alarm = widgets.Dropdown(description="Alarm")
    cause = widgets.Dropdown(description="Cause", options=CAUSES, value=None)
    buttons = {
        name: widgets.Button(description=name) for name in ("do", "acknowledge", "end the day")
    }

    def show(text: str) -> str:
        return f'<pre style="white-space:pre-wrap;word-break:normal">{html.escape(text)}</pre>'

    def allow_answer(_change: object = None) -> None:
        buttons["acknowledge"].disabled = not (alarm.value and cause.value)

    def refresh() -> None:
        morning.value = show(session.game.describe_morning())
        chosen = alarm.value
        alarm.options = [one.id for one in session.game.alarms if not one.answer]
        # ipywidgets chooses none of new options by itself
        alarm.value = chosen if chosen in alarm.options else next(iter(alarm.options), None)
        cause.value = None  # an answer cannot be changed: no cause is given by a click alone
        allow_answer()

    def carry_out(text: str) -> None:
        try:
            told = session.do(text)
            if session.game.is_over:
                page = session.write_page()
                told += f"\nPage: {page}\nSignature: {session.game.log.head}"
        except UserError as error:
            told = str(error)
        answer.value = "" if text == "end" and not session.game.is_over else show(told)
        refresh()

    buttons["do"].on_click(lambda _: carry_out(command.value.strip()))
    buttons["acknowledge"].on_click(lambda _: carry_out(f"ack {alarm.value} {cause.value}"))
    buttons["end the day"].on_click(lambda _: carry_out("end"))
    cause.observe(allow_answer, "value")
    refresh()
    text = show(HELP.format(causes=", ".join(CAUSES)))
    guide = widgets.Accordion([widgets.HTML(text)], titles=["Commands"])
    return widgets.VBox(
        [
            morning,
            widgets.HBox([alarm, cause, buttons["acknowledge"]]),
            widgets.HBox([command, buttons["do"], buttons["end the day"]]),
            answer,
            guide,
        ]
    )
