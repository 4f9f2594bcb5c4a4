"""The chain of notebooks, tried on four tiny ones: a feeds b and c, and d needs both."""

import io
import json
import os
import re
import subprocess
import sys
import threading
import time
from pathlib import Path

import nbformat
import psutil
import pytest
from filelock import FileLock
from rich.console import Console

from fraudops import pipeline
from fraudops.errors import UserError
from fraudops.pipeline import (
    GRAPH,
    Node,
    cache,
    describe_failures,
    resolve_parameters,
    run_notebooks,
    select_nodes,
)
from fraudops.pipeline.graph import make_graph
from fraudops.pipeline.options import parse_assignments
from fraudops.pipeline.report import NodeOutcome, format_duration, format_number, write_run_report
from fraudops.workspace import REPOSITORY, Workspace

HEAD = "import os, pathlib\nroot = pathlib.Path(os.environ['FRAUDOPS_WORKSPACE'])"


def write_notebook(path: Path, *code: str, parameters: str = "factor = 1  # times") -> None:
    """A notebook with a parameters cell, a heading and the given code cells."""
    first = nbformat.v4.new_code_cell(parameters, metadata={"tags": ["parameters"]})
    title = nbformat.v4.new_markdown_cell(f"# {path.stem}")
    nb = nbformat.v4.new_notebook(
        cells=[title, first, *(nbformat.v4.new_code_cell(text) for text in (HEAD, *code))]
    )
    nb.metadata.kernelspec = {"name": "python3", "display_name": "Python 3", "language": "python"}
    path.parent.mkdir(parents=True, exist_ok=True)
    nbformat.write(nb, path)


class Course:
    """A small graph in a folder of its own, and how often each of its notebooks has been
    executed.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.workspace = Workspace(folder / "work")
        rooms = [str(folder / name) for name in ("1_first", "2_second")]
        self.graph = make_graph(
            Node(
                "a",
                rooms[0],
                "the start",
                writes=("a.txt",),
                external=("path",),
                extra_sources=(f"{folder}/extra.py",),
            ),
            Node("b", rooms[0], "one way", ("a",), ("b.txt",), loose=("b.html",)),
            Node("c", rooms[1], "another way", ("a",), ("c.txt",)),
            Node("d", rooms[1], "the end", ("b", "c")),
        )
        (folder / "extra.py").write_text("", encoding="utf-8")
        self.source = folder / "input.csv"
        self.source.write_text("1", encoding="utf-8")
        offered = (
            'profile = "course"\nsource = "simulate"\npath = ""\nas_of = ""\nfactor = 1  # '
            "times\nrate = 0.5"
        )
        self.write("a", "(root / 'a.txt').write_text(str(factor % 10))", parameters=offered)
        self.write(
            "b",
            "(root / 'b.txt').write_text((root / 'a.txt').read_text() + 'b'); (root / "
            "'b.html').write_text('x')",
        )
        self.write("c", "(root / 'c.txt').write_text((root / 'a.txt').read_text() + 'c')")
        self.write("d", "print((root / 'b.txt').read_text())")

    def write(self, name: str, *code: str, **more: str) -> None:
        write_notebook(pipeline.get_notebook_path(self.graph[name]), *code, **more)

    def go(self, *assignments: str, chosen: list[str] | None = None, **more):
        """Run the chain; returns the statuses in the order a, b, c, d, and the run."""
        out = io.StringIO()
        given = {one: {} for one in self.graph} | parse_assignments(assignments, self.graph)
        chosen = chosen or select_nodes(graph=self.graph)
        result = run_notebooks(
            chosen,
            given,
            self.workspace,
            graph=self.graph,
            console=Console(file=out, width=200),
            **more,
        )
        result.text = out.getvalue()
        return [result.outcomes[name].status for name in sorted(result.outcomes)], result


@pytest.fixture
def course(tmp_path: Path) -> Course:
    return Course(tmp_path)


# --- the graph ---


def test_order_puts_needs_first():
    order = pipeline.sort_nodes()
    assert sorted(order) == sorted(GRAPH)
    assert all(
        order.index(need) < order.index(one.name) for one in GRAPH.values() for need in one.needs
    )


def test_every_output_has_one_writer():
    written = [path for one in GRAPH.values() for path in (*one.writes, *one.loose)]
    assert len(written) == len(set(written))


def test_select():
    assert select_nodes(from_="3_2_serve") == [
        "3_2_serve",
        "3_3_skew",
        "3_4_load_test",
        "4_2_retrain",
        "4_3_gates",
        "4_4_rollback",
        "5_1_model_audit",
        "5_2_tamper_lab",
        "5_3_review_economics",
        "5_4_reviewer_labels",
        "audit_app",
    ]
    assert select_nodes(until="3_2_serve") == [
        "1_1_ingest",
        "1_2_features",
        "3_1_champion",
        "3_2_serve",
    ]
    assert select_nodes(from_="1_2_features", until="3_1_champion") == [
        "1_2_features",
        "3_1_champion",
    ]
    assert select_nodes(only="4_2_retrain") == ["4_2_retrain"]


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"only": "1_1_injest"}, "Did you mean '1_1_ingest'"),
        ({"from_": "features"}, "Did you mean '1_2_features'"),
        ({"only": "1_1_ingest", "until": "3_2_serve"}, "--only stands for itself"),
        ({"from_": "3_2_serve", "until": "2_1_data_quality"}, "does not build on"),
    ],
)
def test_select_refuses(wish, told):
    with pytest.raises(UserError, match=re.escape(told)):
        select_nodes(**wish)


def test_importing_the_graph_loads_nothing_heavy():
    code = (
        "import sys, fraudops.pipeline.graph, fraudops.pipeline.options, "
        "fraudops.pipeline.locks; print([m for m in ('papermill', 'mlflow', 'pandas', 'rich') "
        "if m in sys.modules])"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=REPOSITORY, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


# --- parameters ---


@pytest.mark.parametrize(
    ("assignment", "value"),
    [
        ("a.factor=3", 3),
        ("a.rate=1", 1.0),
        ("a.rate=1e-3", 0.001),
        ("a.profile=007", "007"),
        ("a.as_of=2018-07-31", "2018-07-31"),
    ],
)
def test_parameter_values(course, assignment, value):
    (found,) = parse_assignments([assignment], course.graph)["a"].values()
    assert found == value
    assert type(found) is type(value)


@pytest.mark.parametrize(
    ("assignment", "told"),
    [
        ("e.factor=3", "There is no node 'e'"),
        ("a.facter=3", "Did you mean 'factor'"),
        ("a.factor=many", "takes a whole number"),
        ("a.factor=1.5", "takes a whole number"),
        ("a.factor=true", "takes a whole number"),
        ("a.rate=high", "takes a number"),
        ("a.rate=.inf", "takes a number"),
        ("a.factor", "write -p NODE.name=value"),
        ("factor=3", "write -p NODE.name=value"),
    ],
)
def test_parameter_refused(course, assignment, told):
    with pytest.raises(UserError, match=re.escape(told)):
        parse_assignments([assignment], course.graph)


def test_a_parameter_that_papermill_cannot_see_is_refused(course):
    course.write("a", "pass", parameters="good = 1  # times\nbad = 2  # as in a=b")
    with pytest.raises(UserError, match="cannot read the parameter bad"):
        pipeline.inspect_parameters(course.graph["a"])


@pytest.mark.parametrize(
    ("wish", "told"),
    [
        ({"profile": "smok"}, "Did you mean 'smoke'"),
        ({"source": "sparkof", "path": "x"}, "Did you mean 'sparkov'"),
        ({"source": "csv"}, "--path FILE"),
        ({"path": "input.csv"}, "which kind of file"),
        ({"source": "csv", "path": "absent.csv"}, "There is no file"),
        ({"as_of": "31.7.2018"}, "is not a date"),
    ],
)
def test_run_parameters_refused(course, wish, told):
    with pytest.raises(UserError, match=re.escape(told)):
        resolve_parameters(graph=course.graph, **wish)


def test_run_parameters_go_where_they_belong(course, monkeypatch):
    monkeypatch.chdir(course.folder)
    given = resolve_parameters(
        profile="smoke",
        source="csv",
        path="input.csv",
        as_of="2018-07-31",
        assignments=["b.factor=2"],
        graph=course.graph,
    )
    assert given["a"] == {
        "profile": "smoke",
        "source": "csv",
        "path": str(course.source),
        "as_of": "2018-07-31",
    }
    assert given["b"] == {"factor": 2}
    assert given["c"] == {}


# --- runs ---


def test_fresh_changed_and_cut_off(course):
    assert course.go()[0] == ["done"] * 4
    statuses, result = course.go()
    assert statuses == ["fresh"] * 4
    assert result.exit_code == 0
    # a runs again, but 11 % 10 gives the same bytes, so the others are not run again
    assert course.go("a.factor=11")[0] == ["done", "fresh", "fresh", "fresh"]
    # other bytes, so b and c follow; d reads what they wrote
    assert course.go("a.factor=12")[0] == ["done"] * 4
    assert (course.workspace.root / "b.txt").read_text() == "2b"

    # the notebook's source, an extra source, a loose and a strict output, the executed notebook:
    # one each
    def why(name: str) -> str:
        given = {"factor": 12} if name == "a" else {}
        return pipeline.get_rerun_reason(course.graph[name], course.workspace, given, course.graph)

    assert [why(name) for name in "abcd"] == [""] * 4
    course.write("d", "print('new')")
    (course.folder / "extra.py").write_text("changed", encoding="utf-8")
    (course.workspace.root / "b.html").unlink()
    (course.workspace.root / "c.txt").write_text("altered", encoding="utf-8")
    assert why("a") == "changed: sources"
    assert why("b") == "missing: b.html"
    assert why("c") == "what it wrote has been altered"
    assert why("d") == "changed: notebook, inputs"


def test_the_input_files_content_counts(course):
    one, given = course.graph["a"], {"path": str(course.source)}
    before = cache.hash_dependencies(one, course.workspace, given, course.graph)
    about = course.source.stat()
    course.source.write_text("2", encoding="utf-8")
    os.utime(course.source, ns=(about.st_atime_ns, about.st_mtime_ns))  # same size, same time
    after = cache.hash_dependencies(one, course.workspace, given, course.graph)
    assert [kind for kind in after if after[kind] != before[kind]] == ["input file"]


def test_executing_a_notebook_in_place_changes_nothing(course):
    path = pipeline.get_notebook_path(course.graph["a"])
    before = cache.hash_dependencies(course.graph["a"], course.workspace, {}, course.graph)
    nb = nbformat.read(path, as_version=4)
    nb.cells[2].outputs = [nbformat.v4.new_output("stream", text="hello")]
    nb.cells[2].execution_count = 7
    nbformat.write(nb, path)
    assert cache.hash_dependencies(course.graph["a"], course.workspace, {}, course.graph) == before


def test_failure_is_reported_and_resumes(course):
    course.write(
        "b",
        "class UserError(Exception): pass",
        "raise UserError('The file is torn: fetch it again.')",
    )
    course.write("c", "limit = 0", "assert limit > 0, 'too low'")
    statuses, result = course.go()
    assert statuses == ["done", "failed", "failed", "waiting"]
    assert result.exit_code == 1
    told = describe_failures(result, course.workspace, course.graph, "fraudops run --jobs 2")
    assert "b failed in cell [4] of 4: The file is torn: fetch it again." in told
    assert (
        "c failed in cell [4] of 4: AssertionError: too low\n    at: assert limit > 0, 'too low'"
        in told
    )
    assert str(course.workspace.root / "notebooks" / "c.ipynb") in told
    assert "Traceback" not in told
    assert told.endswith("To resume where it stopped: fraudops run --jobs 2")
    page = (course.workspace.root / "report" / "index.html").read_text(encoding="utf-8")
    assert "The file is torn" in page
    assert "not run" in page
    course.write("b", "(root / 'b.txt').write_text('b'); (root / 'b.html').write_text('x')")
    course.write("c", "(root / 'c.txt').write_text('c')")
    assert course.go()[0] == ["fresh", "done", "done", "done"]


def test_a_missing_output_and_a_dead_kernel_are_failures(course):
    course.write("b", "pass")
    course.write("c", "os._exit(1)")
    statuses, result = course.go()
    assert statuses == ["done", "failed", "failed", "waiting"]
    assert "did not write b.txt, b.html" in result.outcomes["b"].error
    assert "cell [3] of 3: the kernel died" in result.outcomes["c"].error


def test_selection_needs_what_others_write(course):
    with pytest.raises(UserError, match=r"a\.txt.*notebook a writes"):
        course.go(chosen=["b"])


def test_one_run_at_a_time(course):
    state = course.workspace.path("state", ".lock")
    with FileLock(state), pytest.raises(UserError, match="Another run is working"):
        course.go()
    # what a killed run leaves behind
    state.with_name(".owner.json").write_text('{"pid": 1}', encoding="utf-8")
    assert course.go(chosen=["a"])[0] == ["done"]


SCRIPT = """
import signal, sys
from pathlib import Path
# a shell starts background processes so that they ignore SIGINT
signal.signal(signal.SIGINT, signal.default_int_handler)
sys.path.insert(0, {tests!r})
from test_pipeline import Course, run_notebooks

if __name__ == "__main__":
    course = Course.__new__(Course)
    course.__init__(Path({folder!r}))
    course.write("a", "(root / 'a.txt').write_text('1')")
    note = "(root / 'kernel').write_text(str(os.getpid()))"
    course.write("b", note, "import time; time.sleep(600)")
    print(run_notebooks(["a", "b"], {{}}, course.workspace, graph=course.graph).exit_code)
"""


@pytest.mark.skipif(os.name != "posix", reason="sends POSIX signals")
@pytest.mark.parametrize("signal", ["SIGINT", "SIGKILL"])
def test_an_interrupted_run_leaves_no_kernel_and_resumes(course, signal):
    import signal as signals

    script = course.folder / "script.py"
    script.write_text(
        SCRIPT.format(tests=str(Path(__file__).parent), folder=str(course.folder)), encoding="utf-8"
    )
    child = subprocess.Popen(
        [sys.executable, str(script)],
        stdout=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env=os.environ | {"PYTHONPATH": str(REPOSITORY)},
    )
    mark = course.workspace.root / "kernel"
    wait_for(lambda: mark.is_file() and mark.read_text(), 60)
    kernel = psutil.Process(int(mark.read_text()))
    if signal == "SIGINT":
        os.killpg(child.pid, signals.SIGINT)  # as a terminal does: to every process of the group
        out, _ = child.communicate(timeout=30)
        assert out.splitlines()[-1] == "130"
    else:
        child.kill()
        child.communicate(timeout=30)
    wait_for(lambda: not kernel.is_running() or kernel.status() == psutil.STATUS_ZOMBIE, 20)
    assert not cache.load_record(course.graph["b"], course.workspace)
    # the half-done one can be read
    nbformat.read(course.workspace.root / "notebooks" / "b.ipynb", as_version=4)
    course.write("b", "(root / 'b.txt').write_text('b'); (root / 'b.html').write_text('x')")
    assert course.go(chosen=["a", "b"])[0] == ["fresh", "done"]


def wait_for(ready, limit: float) -> None:
    """Poll until `ready` holds; fail after `limit` seconds."""
    end = time.monotonic() + limit
    while not ready():
        assert time.monotonic() < end, f"not ready within {limit} s"
        threading.Event().wait(0.05)


# --- pages ---

FETCHES = re.compile(
    r"""(<(script|link|img|iframe|source|object)\b[^>]*?(src|href|data)\s*=\s*["']?\s*|url\(\s*["']?|@import\s+["']?)"""
    r"""(https?:)?//"""
)


def test_pages_fetch_nothing(course):
    _, result = course.go(chosen=["a"])
    assert result.exit_code == 0
    pages = sorted((course.workspace.root / "report").rglob("*.html"))
    assert [page.name for page in pages] == ["index.html", "a.html"]
    for page in pages:
        text = page.read_text(encoding="utf-8")
        assert not FETCHES.search(text), page
        assert "cdnjs" not in text
        assert "unpkg" not in text


def test_report_links_and_figures(tmp_path):
    workspace = Workspace(tmp_path)
    for name in (
        "report/notebooks/1_1_ingest.html",
        "drift/weeks/2018-W30.html",
        "audit/model_card.md",
    ):
        workspace.path(name).write_text("x", encoding="utf-8")
    workspace.path("figures", "1_1_ingest.json").write_text(
        json.dumps({"saved_eur": 12345, "<b>": 1}), encoding="utf-8"
    )
    about = {
        "command": "python run_all.py",
        "started": "2026-11-22T10:00:00",
        "seconds": 70.2,
        "exit_code": 0,
        "parameters": {},
    }
    page = write_run_report(workspace, {"1_1_ingest": NodeOutcome("done", 3.21)}, about).read_text(
        encoding="utf-8"
    )
    links = re.findall(r'href="([^"#:]+)"', page)
    assert {
        "notebooks/1_1_ingest.html",
        "../drift/weeks/2018-W30.html",
        "../audit/model_card.md",
    } == set(links)
    assert "€ 12,345" in page
    assert "&lt;b&gt;" in page
    assert "1:10 min" in page
    assert not FETCHES.search(page)


def test_numbers_are_readable():
    assert [
        format_number("x", v) for v in (1234567, 0.66666, 0.00123, True, None, "text", 12345.6)
    ] == ["1,234,567", "0.667", "0.00123", "yes", "–", "text", "12,346"]
    assert [format_number("a_share", v) for v in (0.0837, 0.0012, 0.0)] == ["8.4%", "0.12%", "0.0%"]
    assert [format_number("a_eur", v) for v in (1234567.8, 9.5)] == ["€ 1,234,568", "€ 9.50"]
    assert [format_duration(v) for v in (None, 4.24, 59.7, 185)] == [
        "",
        "4.2 s",
        "1:00 min",
        "3:05 min",
    ]
