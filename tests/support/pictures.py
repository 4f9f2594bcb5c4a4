"""The pictures of the README: `python -m tests.support.pictures` makes them from a finished run.

The workspace is copied first, because a user is added who logs in to the review page.
"""

import argparse
import base64
import io
import re
import shutil
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Browser, sync_playwright

from fraudops import store
from fraudops.workspace import REPOSITORY, Workspace, atomic_write, read_json
from tests.support import chromium
from tests.support.page import audit_server, open_tab, person, visit

FOLDER = REPOSITORY / "docs" / "pictures"
MAX_BYTES = 300_000
WIDTH, HEIGHT = 1280, 860
TIMELINE = "report/timeline.html"
REVIEW_TAB = re.compile("^(Review|Label cases)$")


def save_picture(name: str, png: bytes, folder: Path) -> Path:
    """Save a picture with a palette of 256 colors, which halves its file."""
    picture = Image.open(io.BytesIO(png)).convert("RGB").quantize(256, dither=Image.Dither.NONE)
    path = folder / f"{name}.png"
    with atomic_write(path) as temporary:
        picture.save(temporary, format="png", optimize=True)
    size = path.stat().st_size
    assert size <= MAX_BYTES, f"{path} has {size:,} bytes: show less, at most {MAX_BYTES:,}."
    return path


def find_plot(workspace: Workspace, notebook: str, title: str) -> bytes:
    """Find a plot of an executed notebook by a part of its alternative text."""
    path = workspace.require_path("notebooks", f"{notebook}.ipynb", made_by=notebook)
    for cell in read_json(path)["cells"]:
        for output in cell.get("outputs", []):
            alt = output.get("metadata", {}).get("image/png", {}).get("alt", "")
            if title in alt:
                return base64.b64decode("".join(output["data"]["image/png"]))
    raise SystemExit(f"{path} has no plot about “{title}”: change the title in {__file__}.")


def photograph_audit_page(browser: Browser, workspace: Workspace, folder: Path) -> None:
    """Photograph the review of a case."""
    engine = store.connect(workspace)
    person(engine, "ada")
    engine.dispose()
    with (
        tempfile.TemporaryDirectory() as log,
        audit_server(workspace.root, Path(log)) as (link, _),
        visit(browser, link, "ada", WIDTH, HEIGHT) as watched,
    ):
        page = watched.ready()
        open_tab(page, REVIEW_TAB)
        page.locator(".fo-take").click()
        page.wait_for_load_state("networkidle")
        page.wait_for_timeout(3000)  # plots are drawn after the kernel has answered
        save_picture("audit_review", page.screenshot(), folder)


def photograph_timeline(browser: Browser, workspace: Workspace, folder: Path) -> None:
    """Photograph the page of thirty days of operation; play them first if they are missing."""
    if not workspace.root.joinpath(TIMELINE).is_file():
        command = [sys.executable, "run_all.py", "--workspace", str(workspace.root), "--days", "30"]
        subprocess.run(command, cwd=REPOSITORY, check=True)
    page = browser.new_page(viewport={"width": WIDTH, "height": HEIGHT})
    page.goto(workspace.root.joinpath(TIMELINE).as_uri())
    save_picture("timeline", page.screenshot(), folder)
    page.close()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--workspace", help="default artifacts/")
    parser.add_argument("--folder", type=Path, default=FOLDER)
    options = parser.parse_args()
    source = Workspace.find(options.workspace)
    source.require_path("report", "index.html", made_by="audit_app")
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        copy = Workspace(Path(folder) / "run", isolated=True)
        shutil.copytree(source.root, copy.root)
        browser = playwright.chromium.launch(executable_path=chromium.ensure(), args=chromium.FLAGS)
        plot = find_plot(copy, "2_2_drift_monitor", "days need action")
        save_picture("drift", plot, options.folder)
        photograph_audit_page(browser, copy, options.folder)
        photograph_timeline(browser, copy, options.folder)
        browser.close()
    for path in sorted(options.folder.glob("*.png")):
        print(f"{path}: {path.stat().st_size / 1000:.0f} kB")


if __name__ == "__main__":
    main()
