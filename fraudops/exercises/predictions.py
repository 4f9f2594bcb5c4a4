"""Predictions: a student answers before the cells run, and then sees answer and result together."""

import html
import json
import math
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from filelock import FileLock

from fraudops.errors import UserError
from fraudops.processes import is_opened_notebook
from fraudops.workspace import REPOSITORY, write_json

PREDICTIONS_FILE = REPOSITORY / "my_work" / "predictions.json"


def predict(key: str, question: str, choices: Sequence[str] = ()) -> "Prediction":
    """Ask for a prediction, in a notebook that a person has opened.

    Elsewhere, as under papermill, nothing is shown, read or written.

    Parameters
    ----------
    key : str
        Names the prediction in `my_work/predictions.json`; it begins with the number of the
        notebook, such as ``2.2 alarm days``.
    question : str
        What is asked for, in a few words.
    choices : sequence of str, optional
        The possible answers. Without them the answer is a number.

    Returns
    -------
    Prediction
        Its method `reveal` shows the result beside the answer.
    """
    prediction = Prediction(key, question, tuple(choices))
    if can_ask():
        prediction.ask()
    return prediction


def can_ask() -> bool:
    """Tell whether a person can answer: JupyterLab lets a cell ask for input, papermill does not.

    Returns
    -------
    bool
    """
    if not is_opened_notebook():
        return False
    kernel = sys.modules["IPython"].get_ipython().kernel
    return bool(getattr(kernel, "_allow_stdin", False))  # ipykernel has no public name for it


def load_predictions(file: Path) -> dict[str, dict[str, Any]]:
    """Load all predictions of a file.

    Parameters
    ----------
    file : Path

    Returns
    -------
    dict of str to dict
        By key: ``question``, ``answer``, ``in_time`` (before the result was shown) and ``result``,
        as far as they are known.

    Raises
    ------
    UserError
        If the file cannot be read.
    """
    if not file.is_file():
        return {}
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
        if not isinstance(found, dict):
            raise ValueError("it holds no JSON object")
    except (OSError, ValueError) as error:
        raise UserError(
            f"{file} cannot be read ({error}): move it away, and your next answer begins a new one."
        ) from None
    return found


class Prediction:
    """One prediction of a student.

    Parameters
    ----------
    key, question : str
    choices : tuple of str
        Empty if the answer is a number.
    file : Path, optional
        Where answers are kept; default `my_work/predictions.json`.
    """

    def __init__(
        self, key: str, question: str, choices: tuple[str, ...] = (), file: Path | None = None
    ) -> None:
        self.key, self.question, self.choices = key, question, choices
        self.file = file or PREDICTIONS_FILE
        self._form: Any = None
        self._shown: Any = None  # the output below the result

    def keep(self, answer: str) -> str:
        """Keep an answer. One that was given before the result is not changed afterwards.

        Parameters
        ----------
        answer : str
            One of the choices, or a number.

        Returns
        -------
        str
            What to tell the student.
        """
        try:
            value = answer if self.choices else _parse_number(answer)
        except ValueError:
            return "Please write a number, such as 12 or 0.5."
        return self._update(answer=value)

    def reveal(self, result: Any) -> None:
        """Show the result beside the answer, in a notebook that a person has opened.

        Parameters
        ----------
        result : str or number
        """
        if not can_ask():
            return
        from IPython.display import HTML, display

        plain = result.item() if hasattr(result, "item") else result
        text = self._update(result=plain)
        if self._form is not None and text.startswith("You predicted"):
            self._form.children[1].disabled = True
        self._shown = display(HTML(_to_box(text)), display_id=True)
        self._show(text)

    def ask(self) -> None:
        """Show the form with the kept answer, if there is one."""
        import ipywidgets
        from IPython.display import display

        if self.choices:
            control = ipywidgets.RadioButtons(options=self.choices, value=None)
        else:
            control = ipywidgets.Text(placeholder="a number", continuous_update=False)
        control.layout.width = "max-content"
        question = ipywidgets.HTML(f"<b>Your prediction:</b> {html.escape(self.question)}")
        status = ipywidgets.HTML()
        self._form = ipywidgets.VBox([question, control, status])
        record: dict[str, Any] = {}
        try:
            record = load_predictions(self.file).get(self.key, {})
            status.value = html.escape(self._describe(record))
        except UserError as error:
            status.value = html.escape(str(error))
        answer = record.get("answer")
        if not self.choices:
            control.value = "" if answer is None else _format_value(answer)
        elif answer in self.choices:
            control.value = answer
        control.disabled = "result" in record and bool(record.get("in_time"))
        control.observe(lambda change: self._show(self.keep(change["new"])), "value")
        display(self._form)

    def _update(self, **news: Any) -> str:
        try:
            self.file.parent.mkdir(parents=True, exist_ok=True)
            with FileLock(self.file.with_suffix(".lock")):
                records = load_predictions(self.file)
                record = records.get(self.key, {})
                is_late = "result" in record
                if "answer" in news:
                    if is_late and record.get("in_time"):
                        return self._describe(record)  # the answer of before the result stays
                    news["in_time"] = not is_late
                records[self.key] = record | {"question": self.question} | news
                write_json(self.file, records)
        except (OSError, UserError) as error:
            told = f"The result is {_format_value(news['result'])}. " if "result" in news else ""
            return f"{told}Your prediction cannot be kept: {error}"
        return self._describe(records[self.key])

    def _describe(self, record: dict[str, Any]) -> str:
        """Put answer and result into a sentence."""
        result, answer = record.get("result"), record.get("answer")
        if "result" not in record:
            return "Kept. Run the next cells." if answer is not None else ""
        told = f"The result is {_format_value(result)}."
        if answer is None:
            return f"{told} You made no prediction."
        said = "You predicted" if record.get("in_time") else "When the result was known, you said"
        same = " You were right." if self.choices and answer == result else ""
        return f"{said} {_format_value(answer)}. {told}{same}"

    def _show(self, text: str) -> None:
        if self._form is not None:
            self._form.children[-1].value = html.escape(text)
        if self._shown is not None:
            from IPython.display import HTML

            self._shown.update(HTML(_to_box(text)))


def _parse_number(text: str) -> float:
    number = float(text.strip().rstrip("%").strip())
    if not math.isfinite(number):
        raise ValueError(text)
    return int(number) if number.is_integer() else number


def _format_value(value: Any) -> str:
    if isinstance(value, float):
        return f"{value:,.0f}" if value.is_integer() or abs(value) >= 1000 else f"{value:.3g}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def _to_box(text: str) -> str:
    style = "border-left: 4px solid #0072B2; padding: 0.2em 0.6em"
    return f'<div style="{style}">{html.escape(text)}</div>'
