"""The report page of a run: graph, states, times, headline figures and links. One HTML file."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jinja2 import Environment, PackageLoader, StrictUndefined

from fraudops.pipeline import cache
from fraudops.pipeline.graph import GRAPH, Graph
from fraudops.workspace import Workspace, atomic_write, read_json


@dataclass(frozen=True)
class NodeOutcome:
    """The state of a node after a run.

    Attributes
    ----------
    status : str
        A key of `STATUS_STYLES`.
    seconds : float or None
        Of the execution.
    error : str
        Of a failed node.
    """

    status: str
    seconds: float | None = None
    error: str = ""


# word, mark, fill, line: told apart by word and mark as well as by colour (Okabe and Ito's palette,
# lightened)
STATUS_STYLES = {
    "done": ("done", "✓", "#d9f0e8", "#00735c"),
    "fresh": ("kept", "=", "#e3f1fa", "#0a6aa6"),
    "failed": ("failed", "✗", "#fde3d3", "#b04a00"),
    "stopped": ("stopped", "■", "#fff3cc", "#8a6a00"),
    "old": ("outdated", "~", "#fff3cc", "#8a6a00"),
    "waiting": ("not run", "·", "#f2f2f2", "#666666"),
}

BOX_WIDTH, BOX_HEIGHT = 172, 62  # a node's box, in SVG units


def format_number(name: str, value: Any) -> str:
    """Format a headline figure: ``*_eur`` in euros, ``*_share`` in per cent."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, int | float):
        return "–" if value is None else str(value)
    if name.endswith("_eur"):
        return f"€ {value:,.0f}" if abs(value) >= 100 else f"€ {value:,.2f}"
    if name.endswith("_share"):
        return f"{value:.1%}" if abs(value) >= 0.01 or not value else f"{value:.2%}"
    if isinstance(value, int) or abs(value) >= 1000:
        return f"{value:,.0f}"
    return f"{value:.3g}" if abs(value) < 0.1 else f"{value:.3f}".rstrip("0").rstrip(".")


def format_duration(seconds: float | None) -> str:
    """Format seconds as `4.2 s` or `3:05 min`; empty for none."""
    if seconds is None:
        return ""
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes}:{rest:02d} min" if minutes else f"{seconds:.1f} s"


@dataclass(frozen=True)
class GraphLayout:
    """Sizes, boxes and arrows of the drawn graph."""

    width: int
    height: int
    stages: list[dict[str, Any]]
    boxes: list[dict[str, Any]]
    arrows: list[str]


def layout_graph(graph: Graph, *, across: bool) -> GraphLayout:
    """Place the nodes: stages as columns (`across`), or as rows for a narrow screen.

    Arrows between neighbors are curves. An arrow that passes a stage has a lane of its own beside
    the boxes.
    """
    stages = list(dict.fromkeys(one.folder for one in graph.values()))
    slot: dict[str, int] = {}
    for one in graph.values():
        slot[one.name] = sum(graph[other].folder == one.folder for other in slot)
    slots = max(slot.values()) + 1
    stage = {one.name: stages.index(one.folder) for one in graph.values()}
    # Along runs from stage to stage, aside from slot to slot; one description serves both
    # directions.
    along_size, aside_size = (BOX_WIDTH, BOX_HEIGHT) if across else (BOX_HEIGHT, BOX_WIDTH)
    along_gap, aside_gap, margin, head = (48, 64, 26, 30) if across else (62, 20, 14, 20)
    top = 8

    def along(name: str) -> float:
        return stage[name] * (along_size + along_gap) + top

    def aside(name: str) -> float:
        return head + margin + slot[name] * (aside_size + aside_gap)

    def point(a: float, s: float) -> str:
        return f"{a:.0f},{s:.0f}" if across else f"{s:.0f},{a:.0f}"

    lanes: dict[int, int] = {}

    def arrow(start: str, end: str) -> str:
        start_x, end_x = along(start) + along_size, along(end) - 5
        # Several arrows at one box spread out along its side, towards where they come from.
        lean = 8 if across else 22
        first = (
            aside(start)
            + aside_size / 2
            + lean * (slot[end] > slot[start])
            - lean * (slot[end] < slot[start])
        )
        last = (
            aside(end)
            + aside_size / 2
            + lean * (slot[start] > slot[end])
            - lean * (slot[start] < slot[end])
        )
        if stage[start] == stage[end]:
            middle = along(start) + along_size / 2
            tail, tip = aside(start) + aside_size, aside(end) - 5
            return f"M{point(middle, tail)} L{point(middle, tip)}"
        if stage[end] == stage[start] + 1:
            mid = (start_x + end_x) / 2
            return (
                f"M{point(start_x, first)} C{point(mid, first)} {point(mid, last)} "
                f"{point(end_x, last)}"
            )
        # Between the slots, or outside when both ends lie in the same one.
        gap = (
            min(slot[start], slot[end]) + 1
            if slot[start] != slot[end]
            else (0 if slot[start] == 0 else slots)
        )
        lane = lanes.setdefault(gap, 0)
        lanes[gap] += 1
        step = 9 if across else 5
        if gap == 0:
            beside = head + margin - step * (lane + 1) - 3
        elif gap == slots:
            beside = (
                head + margin + slots * (aside_size + aside_gap) - aside_gap + step * (lane + 1) + 3
            )
        else:
            beside = (
                head
                + margin
                + gap * (aside_size + aside_gap)
                - aside_gap / 2
                + step * ((lane + 1) // 2) * (-1) ** lane
            )
        enter, leave = start_x + along_gap * 0.8, end_x - along_gap * 0.7
        return (
            f"M{point(start_x, first)} C{point(start_x + along_gap / 2, first)} "
            f"{point(start_x + along_gap / 3, beside)} "
            f"{point(enter, beside)} L{point(leave, beside)} "
            f"C{point(end_x - along_gap / 3, beside)} "
            f"{point(end_x - along_gap / 2, last)} {point(end_x, last)}"
        )

    boxes = []
    for one in graph.values():
        x, y = (along(one.name), aside(one.name)) if across else (aside(one.name), along(one.name))
        boxes.append({"name": one.name, "x": round(x), "y": round(y)})
    arrows = [arrow(need, one.name) for one in graph.values() for need in one.needs]
    far_along = top + len(stages) * (along_size + along_gap) - along_gap + 8
    far_aside = head + 2 * margin + slots * (aside_size + aside_gap) - aside_gap
    names = []
    for at, name in enumerate(stages):
        # upright in the gutter where the stages are rows
        start = top + at * (along_size + along_gap)
        x, y = (start, 18) if across else (14, round(start + along_size / 2))
        turn = "" if across else f"rotate(-90 {x} {y})"
        names.append({"name": Path(name).name.replace("_", " "), "x": x, "y": y, "turn": turn})
    width, tall = (far_along, far_aside) if across else (far_aside, far_along)
    return GraphLayout(round(width), round(tall), names, boxes, arrows)


def _make_node_rows(
    workspace: Workspace, outcomes: Mapping[str, NodeOutcome], graph: Graph
) -> dict[str, dict[str, Any]]:
    """Make what the page shows of each node."""
    rows = {}
    for one in graph.values():
        outcome = outcomes.get(one.name, NodeOutcome("waiting"))
        word, mark, fill, line = STATUS_STYLES[outcome.status]
        html = cache.get_html_path(one, workspace)
        try:
            found = read_json(workspace.root / "figures" / f"{one.name}.json")
            figures = {
                key.replace("_", " ").removesuffix(" eur"): format_number(key, value)
                for key, value in found.items()
            }
        except (OSError, ValueError, AttributeError):
            figures = {}
        rows[one.name] = {
            "title": one.title,
            "word": word,
            "mark": mark,
            "fill": fill,
            "line": line,
            "status": outcome.status,
            "time": format_duration(outcome.seconds),
            "error": outcome.error,
            "link": f"notebooks/{one.name}.html" if html.is_file() else "",
            "figures": figures if outcome.status in ("done", "fresh", "old") else {},
            "different": _load_lessons(workspace, one.name),
        }
    return rows


def _load_lessons(workspace: Workspace, name: str) -> list[str]:
    """Load the lessons of a notebook that this data does not show."""
    try:
        return read_json(workspace.root / "figures" / "lessons" / f"{name}.json")
    except (OSError, ValueError):
        return []


def _list_links(workspace: Workspace) -> list[tuple[str, str]]:
    """List the files that a reader may open, relative to the page; only existing ones."""
    fixed = {
        "Model card": "audit/model_card.md",
        "Rows in quarantine, with reasons": "data/quarantine.csv",
    }
    result = [
        (text, f"../{name}") for text, name in fixed.items() if (workspace.root / name).is_file()
    ]
    weeks = sorted((workspace.root / "drift" / "weeks").glob("*.html"))
    return result + [(f"Drift report {week.stem}", f"../drift/weeks/{week.name}") for week in weeks]


def write_run_report(
    workspace: Workspace,
    outcomes: Mapping[str, NodeOutcome],
    run: Mapping[str, Any],
    graph: Graph = GRAPH,
) -> Path:
    """Write ``report/index.html`` and return its path.

    Parameters
    ----------
    outcomes : for each node how it stands; one that is left out counts as not run.
    run : ``command``, ``started``, ``seconds``, ``exit_code`` and ``parameters`` (of each node, by
        name).
    """
    templates = Environment(
        loader=PackageLoader("fraudops.pipeline", "."), autoescape=True, undefined=StrictUndefined
    )
    last = outcomes.get("5_1_model_audit")
    story = None
    if last is not None and last.status in ("done", "fresh"):
        from fraudops.pipeline.story import tell_story  # imports pandas, which is slow

        story = tell_story(workspace)
    given = {name: values for name, values in run["parameters"].items() if values}
    text = templates.get_template("report.html.j2").render(
        run=run,
        story=story,
        given=given,
        took=format_duration(run["seconds"]),
        good=run["exit_code"] == 0,
        nodes=_make_node_rows(workspace, outcomes, graph),
        needs={one.name: one.needs for one in graph.values()},
        figures={
            "wide": layout_graph(graph, across=True),
            "narrow": layout_graph(graph, across=False),
        },
        box=BOX_WIDTH,
        tall=BOX_HEIGHT,
        links=_list_links(workspace),
    )
    page = workspace.path("report", "index.html")
    with atomic_write(page) as temporary:
        temporary.write_text(text, encoding="utf-8")
    return page
