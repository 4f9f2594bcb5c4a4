"""Errors that a person can mend: their text says what is wrong, where, and what to do."""


class UserError(Exception):
    """Something a person can mend: the text says what was wrong, where, and what to do."""

    def _render_traceback_(self) -> list[str]:
        """IPython's hook: in a notebook the message stands alone, without a wall of frames."""
        return [f"{type(self).__name__}: {self}"]


class MissingInputError(UserError):
    """A file that an earlier notebook writes is not there."""
