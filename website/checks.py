"""The rules of the finished site: small pages, no request to another host, no dead link."""

import re
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

MAX_PAGE_BYTES = 3_000_000
# an element that the browser fetches by itself, and the attribute that names what
_FETCHED = {
    "script": "src",
    "link": "href",
    "img": "src",
    "iframe": "src",
    "source": "src",
    "video": "src",
    "audio": "src",
    "embed": "src",
    "object": "data",
}
_NOT_FETCHED = {"canonical", "next", "prev", "search", "index", "author", "license"}
_CSS_URL = re.compile(r"""(?:@import\s+|url\()\s*['"]?((?:https?:)?//[^'")\s]+)""")


class _Links(HTMLParser):
    """Collects what a page fetches, what it links to, and its anchors."""

    def __init__(self) -> None:
        super().__init__()
        self.fetched: list[str] = []
        self.links: list[str] = []
        self.anchors: set[str] = set()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        if "id" in found:
            self.anchors.add(found["id"])
        if tag == "a" and "href" in found:
            self.links.append(found["href"])
        is_fetched = tag != "link" or not set(found.get("rel", "").split()) & _NOT_FETCHED
        if is_fetched and found.get(_FETCHED.get(tag, "")):
            self.fetched.append(found[_FETCHED[tag]])


def read_links(page: Path) -> _Links:
    """Read what a page fetches and links to.

    Parameters
    ----------
    page : Path

    Returns
    -------
    _Links
        Lists ``fetched`` and ``links``, and the set ``anchors``.
    """
    parser = _Links()
    parser.feed(page.read_text(encoding="utf-8"))
    return parser


def find_faults(site: Path) -> list[str]:
    """Find what breaks the rules of the site.

    Parameters
    ----------
    site : Path
        The folder of the finished site.

    Returns
    -------
    list of str
        One sentence for each fault.
    """
    faults = []
    files = [page for page in sorted(site.rglob("*.html")) if "_static" not in page.parts]
    pages = {page: read_links(page) for page in files}  # _static holds templates of the theme
    for page, found in pages.items():
        name = page.relative_to(site).as_posix()
        if page.stat().st_size > MAX_PAGE_BYTES:
            size = page.stat().st_size / 1e6
            faults.append(f"{name} has {size:.1f} MB, and {MAX_PAGE_BYTES / 1e6:g} MB are allowed.")
        for target in found.fetched:
            parts = urlsplit(target)
            if parts.netloc:
                faults.append(f"{name} fetches {target} from another host.")
            elif not parts.scheme and not _resolve(page, parts.path).is_file():
                faults.append(f"{name} fetches {target}, which does not exist.")
        for target in found.links:
            parts = urlsplit(target)
            if parts.scheme or parts.netloc:
                continue
            place = _resolve(page, parts.path) if parts.path else page
            if place.is_dir():
                place = place / "index.html"
            if not place.is_file():
                faults.append(f"{name} links to {target}, which does not exist.")
            elif parts.fragment and place in pages:
                if unquote(parts.fragment) not in pages[place].anchors:
                    faults.append(f"{name} links to {target}, and there is no such place.")
    for sheet in sorted(site.rglob("*.css")):
        for target in _CSS_URL.findall(sheet.read_text(encoding="utf-8", errors="replace")):
            faults.append(f"{sheet.relative_to(site).as_posix()} fetches {target}.")
    return faults


def _resolve(page: Path, path: str) -> Path:
    return Path(page.parent, unquote(path)).resolve()
