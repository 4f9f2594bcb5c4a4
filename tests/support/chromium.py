"""The browser of the tests: find an installed Chromium, else install one.

`python -m tests.support.chromium` does it and prints which browser it is.
"""

import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
PLACES = (
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
    "/Applications/Chromium.app/Contents/MacOS/Chromium",
    r"C:\Program Files\Google\Chrome\Application\chrome.exe",
    r"C:\Program Files (x86)\Google\Chrome\Application\chrome.exe",
)
# manager: commands that install a browser with it, in order
APT_WAIT = ("-o", "DPkg::Lock::Timeout=600")  # another program may be installing something
MANAGERS = {
    "apt-get": (
        ["apt-get", *APT_WAIT, "update"],
        ["apt-get", *APT_WAIT, "install", "-y", "chromium"],
    ),
    "dnf": (["dnf", "install", "-y", "chromium"],),
    "zypper": (["zypper", "--non-interactive", "install", "chromium"],),
    "apk": (["apk", "add", "chromium"],),
    "brew": (["brew", "install", "--cask", "google-chrome"],),
}
HELP = (
    "The tests of the review page need Chromium or Chrome. It was not found and could not be "
    "installed. Install it with `python -m playwright install --with-deps chromium`, or with your "
    "system's package manager (Debian, Ubuntu: `sudo apt-get install chromium`; Fedora: "
    "`sudo dnf install chromium`; macOS: `brew install --cask google-chrome`). Then run the tests "
    "again."
)
ROOT = hasattr(os, "geteuid") and os.geteuid() == 0
FLAGS = [
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--disable-background-networking",
    "--disable-component-update",
]
# root cannot have the sandbox
FLAGS += ["--disable-sync", "--no-first-run"] + (["--no-sandbox"] if ROOT else [])


class NoBrowser(Exception):
    """No browser, and none to be had; the text says how to get one."""


def _candidates() -> Iterator[str]:
    yield from filter(None, map(shutil.which, NAMES))
    yield from (place for place in PLACES if Path(place).is_file())
    # starts a process to be asked, so it comes last
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        yield playwright.chromium.executable_path


def _works(path: str) -> bool:
    """Whether it starts: libraries may be missing, and Ubuntu's file may only name a snap."""
    # on Windows asking for the version opens a window
    if not Path(path).is_file() or sys.platform == "win32":
        return Path(path).is_file()
    try:
        return (
            subprocess.run(
                [path, "--version"], capture_output=True, timeout=60, check=False
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def find() -> str | None:
    """The path of an installed Chromium or Chrome that starts; None if there is none."""
    return next(filter(_works, _candidates()), None)


def _attempt(command: list[str], seconds: int) -> bool:
    print(f"running {' '.join(command)} (at most {seconds} s)", flush=True)
    try:
        return (
            subprocess.run(
                command, timeout=seconds, check=False, stdin=subprocess.DEVNULL
            ).returncode
            == 0
        )
    except (OSError, subprocess.TimeoutExpired):
        return False


def ensure() -> str:
    """The path of a browser; playwright or the system's package manager installs it if need be.

    Raises
    ------
    NoBrowser
        If neither worked; the text says how to get one by hand.
    """
    if found := find():
        return found
    _attempt([sys.executable, "-m", "playwright", "install", "chromium"], 240)
    if found := find():
        return found
    rights = [] if ROOT else ["sudo", "-n"]  # without asking for a password
    for manager, commands in MANAGERS.items():
        if not shutil.which(manager):
            continue
        for command in commands:
            _attempt(command if manager == "brew" else [*rights, *command], 600)
        if found := find():
            return found
    raise NoBrowser(HELP)


if __name__ == "__main__":
    try:
        print(f"browser: {ensure()}")
    except NoBrowser as error:
        sys.exit(str(error))
