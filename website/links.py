"""Relative links of the repository, as links of the site."""

import posixpath
import re
import shutil
from collections.abc import Mapping
from pathlib import Path

MAX_COPIED_BYTES = 300_000
_LINK = re.compile(r"(?<!!)\[((?:[^\[\]]|\[[^\]]*\])*)\]\(([^()\s]+)\)")
_FENCE = re.compile(r"^(```|~~~).*?^\1[^\n]*$", re.DOTALL | re.MULTILINE)


def make_anchor(heading: str) -> str:
    """Make the anchor that GitHub and MyST give a heading.

    Parameters
    ----------
    heading : str

    Returns
    -------
    str

    Examples
    --------
    >>> make_anchor("1. By hand, for one customer")
    '1-by-hand-for-one-customer'
    """
    return re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-")


class LinkEditor:
    """Rewrites the relative links of a text, and copies the files that it links to.

    Parameters
    ----------
    repository : Path
    source : Path
        Folder of the pages.
    pages : mapping of str to str
        For each file of the repository that is a page: the file of the page.
    """

    def __init__(self, repository: Path, source: Path, pages: Mapping[str, str]):
        self.repository, self.source, self.pages = repository, source, pages

    def edit(self, text: str, place: str) -> str:
        """Rewrite the links of a Markdown text; code blocks stay as they are.

        Parameters
        ----------
        text : str
        place : str
            The file of the repository that holds the text.

        Returns
        -------
        str
        """
        parts, end = [], 0
        for fence in _FENCE.finditer(text):
            parts += [self._edit_prose(text[end : fence.start()], place), fence.group()]
            end = fence.end()
        return "".join([*parts, self._edit_prose(text[end:], place)])

    def _edit_prose(self, text: str, place: str) -> str:
        return _LINK.sub(lambda found: self._edit_link(found, place), text)

    def _edit_link(self, found: re.Match, place: str) -> str:
        label, target = found.groups()
        path, mark, anchor = target.partition("#")
        if ":" in path or not path:  # another host, or a place on the same page
            return found.group()
        wanted = posixpath.normpath(posixpath.join(posixpath.dirname(place), path))
        here = posixpath.dirname(self.pages[place])
        if wanted in self.pages:
            return f"[{label}]({self._from(here, self.pages[wanted])}{mark}{anchor})"
        file = self.repository / wanted
        if file.is_file() and file.stat().st_size <= MAX_COPIED_BYTES:
            copy = self.source / "files" / wanted
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, copy)
            return f"[{label}]({self._from(here, f'files/{wanted}')})"
        return label  # a folder has no page

    @staticmethod
    def _from(here: str, target: str) -> str:
        return posixpath.relpath(target, here or ".")
