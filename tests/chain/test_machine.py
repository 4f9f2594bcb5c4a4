"""The machine as it may be: odd names and settings, proxies, another kernel, no home, no name."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from fraudops.workspace import REPOSITORY, read_json
from tests.chain.conftest import OPTIONS

ODD_NAME = "C# 1 my%20course what? ร้าน"
PROXIES = {
    "HTTP_PROXY": "http://127.0.0.1:9",
    "https_proxy": "http://127.0.0.1:9",
    "ALL_PROXY": "socks5://127.0.0.1:9",
}
PLANTED = "planted-7f3a90c1-secret"
SECRETS = {
    "FRAUDOPS_API_TOKEN": f"bank:{PLANTED}",
    "FRAUDOPS_ALERT_WEBHOOK": f"http://127.0.0.1:9/{PLANTED}",
    "AWS_SECRET_ACCESS_KEY": PLANTED,
}
LANGUAGE = {"LANG": "C", "LC_ALL": "C", "PYTHONIOENCODING": "ascii", "TZ": "Asia/Bangkok"}
NAMES = ("LOGNAME", "USER", "LNAME", "USERNAME", "NO_PROXY", "no_proxy", "PYTEST_CURRENT_TEST")
NAMELESS = "import pwd\ndef getpwuid(uid):\n    raise KeyError(uid)\npwd.getpwuid = getpwuid\n"
TINY = """
import sys
from pathlib import Path

sys.path.insert(0, {tests!r})
from test_pipeline import Course, run_notebooks

if __name__ == "__main__":
    course = Course(Path({folder!r}))
    course.write("a", "import sys; (root / 'a.txt').write_text(sys.executable)")
    result = run_notebooks(["a"], {{}}, course.workspace, graph=course.graph)
    print(result.outcomes["a"].error)
    sys.exit(result.exit_code)
"""


def make_environment(folder: Path, **settings: str) -> dict[str, str]:
    """The environment of a user without a name, with further settings."""
    (folder / "python").mkdir(exist_ok=True)
    (folder / "python" / "sitecustomize.py").write_text(NAMELESS)
    kept = {name: value for name, value in os.environ.items() if name not in NAMES}
    paths = os.pathsep.join([str(folder / "python"), str(REPOSITORY)])
    return kept | {"PYTHONPATH": paths, "PIP_USER": "1"} | settings


@pytest.mark.parametrize("fault", ["home", "kernel"])
def test_a_notebook_runs_without_a_home_and_with_another_python_kernel(tmp_path, fault):
    script = tmp_path / "tiny.py"
    (tmp_path / "course").mkdir()
    tests = str(REPOSITORY / "tests" / "pipeline")
    script.write_text(TINY.format(tests=tests, folder=str(tmp_path / "course")))
    settings = {"HOME": "/proc/none"}
    if fault == "kernel":
        kernel = tmp_path / "data" / "kernels" / "python3" / "kernel.json"
        kernel.parent.mkdir(parents=True)
        kernel.write_text('{"argv": ["/bin/false", "{connection_file}"], "language": "python"}')
        settings = {"JUPYTER_DATA_DIR": str(tmp_path / "data")}
    done = subprocess.run(
        [sys.executable, str(script)],
        env=make_environment(tmp_path, **settings),
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, (done.stdout, done.stderr)
    assert (tmp_path / "course" / "work" / "a.txt").read_text() == sys.executable


def test_the_chain_runs_on_an_odd_machine(tmp_path):
    """Up to the service, which is started and asked; then each command that reads the result."""
    root = tmp_path / ODD_NAME
    environment = make_environment(tmp_path, **PROXIES, **LANGUAGE, **SECRETS)

    def run(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "fraudops", *words, "--workspace", str(root)],
            cwd=REPOSITORY,
            env=environment,
            capture_output=True,
            text=True,
            umask=0o077,
        )

    ran = run("run", *OPTIONS, "--until", "3_2_serve")
    assert ran.returncode == 0, (ran.stdout[-2000:], ran.stderr[-4000:])
    assert PLANTED not in ran.stdout + ran.stderr
    assert read_json(root / "serving" / "replay.json")["transactions"] > 0
    for words in (("run", "--list"), ("verify",), ("evidence",)):
        done = run(*words)
        assert done.returncode == 0, (words, done.stdout, done.stderr)
        assert "Traceback" not in done.stderr
        assert PLANTED not in done.stdout + done.stderr
    key = (root / "keys" / "ledger.key").read_bytes().strip()
    files = [one for one in root.rglob("*") if one.is_file()]
    contents = {one.relative_to(root): one.read_bytes() for one in files}
    assert [one for one, text in contents.items() if PLANTED.encode() in text] == []
    assert [one for one, text in contents.items() if key in text] == [Path("keys/ledger.key")]
    assert [one.name for one in root.parent.iterdir() if any(one.rglob("*.db"))] == [ODD_NAME]
