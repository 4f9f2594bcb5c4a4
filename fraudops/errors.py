"""Errors with a text that says what is wrong, where, and what to do."""


class UserError(Exception):
    """An error that the user can correct: its text says what is wrong and what to do."""

    def _render_traceback_(self) -> list[str]:
        """In a notebook, IPython shows the message alone, without the call stack."""
        return [f"{type(self).__name__}: {self}"]


class MissingInputError(UserError):
    """A file that an earlier notebook writes is missing."""
