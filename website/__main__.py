"""`python -m website site|slides|teaching`: the site, the slides, pages of the teacher's pack."""

import argparse
import shutil
import subprocess
import sys
import time
from pathlib import Path

from fraudops.errors import UserError
from fraudops.pipeline import sort_nodes
from fraudops.workspace import REPOSITORY, Workspace
from website.checks import find_faults
from website.pages import write_pages
from website.slides import write_slides
from website.teaching import write_teaching_pages

SITE_FOLDER = REPOSITORY / ".venv-site"
CONFIG_FOLDER = Path(__file__).resolve().parent


def find_site_python() -> Path:
    """Find the Python of the environment that builds the site.

    Returns
    -------
    Path

    Raises
    ------
    UserError
        If that environment does not exist.
    """
    for place in ("bin/python", "Scripts/python.exe"):
        if (SITE_FOLDER / place).is_file():
            return SITE_FOLDER / place
    raise UserError(
        f"{SITE_FOLDER} is missing: `make site` installs there what builds the site. Without make: "
        "`uv venv .venv-site` and `uv pip install --python .venv-site -r requirements-site.txt`."
    )


def build_site(source: Path, output: Path) -> None:
    """Build the HTML pages with Sphinx. A warning is an error.

    Parameters
    ----------
    source : Path
        The pages that `write_pages` has written.
    output : Path
        Replaced if it exists.

    Raises
    ------
    UserError
        If Sphinx stops.
    """
    shutil.rmtree(output, ignore_errors=True)
    words = ["-m", "sphinx", "-b", "html", "-j", "2", "-q", "-W", "--keep-going"]
    folders = ["-c", CONFIG_FOLDER, "-d", source.parent / "doctrees", source, output]
    done = subprocess.run([find_site_python(), *words, *folders], check=False)
    if done.returncode:
        raise UserError(f"Sphinx stopped with code {done.returncode}: see its messages above.")


def check_pages(folder: Path) -> None:
    """Check the rules of `website.checks`.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    UserError
        If a page breaks one.
    """
    if faults := find_faults(folder):
        raise UserError(f"Pages in {folder} break a rule:\n" + "\n".join(faults))


def run_missing_notebooks(workspace: Workspace, profile: str) -> None:
    """Run the notebooks, if one of them has not run in this workspace.

    Parameters
    ----------
    workspace : Workspace
    profile : str
        Size of the data, for a workspace without any.

    Raises
    ------
    UserError
        If the run fails.
    """
    folder = workspace.root / "notebooks"
    if all((folder / f"{name}.ipynb").is_file() for name in sort_nodes()):
        return
    command = [sys.executable, "-m", "fraudops", "run", "--workspace", str(workspace.root)]
    if not (workspace.root / "data" / "dataset.json").is_file():
        command += ["--profile", profile]
    if subprocess.run(command, check=False, cwd=REPOSITORY).returncode:
        raise UserError("The notebooks did not run to the end, so there is nothing to publish.")


def main(arguments: list[str]) -> int:
    """Run the command line.

    Parameters
    ----------
    arguments : list of str

    Returns
    -------
    int
        Exit code.
    """
    parser = argparse.ArgumentParser(prog="python -m website", description=__doc__)
    parser.add_argument("what", choices=("site", "slides", "teaching"))
    parser.add_argument("--workspace", type=Path, help="default artifacts/")
    parser.add_argument("--output", type=Path, help="default WORKSPACE/site or WORKSPACE/slides")
    parser.add_argument("--profile", default="course", help="size, if the notebooks must run first")
    parser.add_argument(
        "--as-is", action="store_true", help="show notebooks that have not run without results"
    )
    options = parser.parse_args(arguments)
    if options.what == "teaching":
        print("\n".join(str(path) for path in write_teaching_pages()))
        return 0
    workspace = Workspace.find(options.workspace)
    output = (options.output or workspace.root / options.what).resolve()
    try:
        find_site_python()
        if not options.as_is:
            run_missing_notebooks(workspace, options.profile)
        begin = time.monotonic()
        if options.what == "slides":
            page = write_slides(workspace, output, find_site_python())
        else:
            source = workspace.root / "site-source" / "pages"
            write_pages(workspace, source)
            build_site(source, output)
            page = output / "index.html"
        check_pages(output)
    except UserError as error:
        print(error, file=sys.stderr)
        return 2
    print(f"Written in {time.monotonic() - begin:.0f} s: {page}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
