"""Check the options of a run before any kernel starts: profile, source, dates, parameters."""

import datetime as dt
import math
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import Any

import yaml

from fraudops.errors import UserError
from fraudops.pipeline.graph import (
    GRAPH,
    PROFILES,
    SOURCES,
    Graph,
    get_node,
    make_unknown_name_error,
)
from fraudops.pipeline.notebooks import inspect_parameters
from fraudops.workspace import Workspace, read_json


def parse_assignments(
    assignments: Iterable[str], graph: Graph = GRAPH
) -> dict[str, dict[str, Any]]:
    """Parse assignments ``NODE.name=value``; values are read as YAML and must suit the default they
    replace.

    Returns
    -------
    For each node the parameters given, with values of the default's type.

    Raises
    ------
    UserError
        For an unknown node or parameter (with the nearest valid name), a malformed assignment, or a
        value whose type cannot stand for the default's.
    """
    result: dict[str, dict[str, Any]] = {}
    for assignment in assignments:
        target, equals, text = assignment.partition("=")
        name, dot, parameter = target.strip().partition(".")
        if not (equals and dot and parameter):
            raise UserError(
                f"-p {assignment!r} is not understood: write -p NODE.name=value, as in -p "
                "1_1_ingest.seed=7."
            )
        offered = inspect_parameters(get_node(name, graph))
        if parameter not in offered:
            raise make_unknown_name_error(f"parameter of {name} called", parameter, offered)
        result.setdefault(name, {})[parameter] = _convert_value(
            target.strip(), text.strip(), offered[parameter]["default"]
        )
    return result


def _convert_value(target: str, text: str, default: Any) -> Any:
    """Convert a text to a value of the default's type."""
    if isinstance(default, str):
        return text  # '007' and '2018-07-01' stay what was typed
    try:
        value = yaml.safe_load(text)
    except yaml.YAMLError:
        value = text
    if default is None:
        return text if isinstance(value, dt.date) else value
    if isinstance(default, float):
        try:  # also forms that YAML 1.1 takes for text, such as 1e-3
            number = math.nan if isinstance(value, bool) else float(value)
        except (TypeError, ValueError):
            number = math.nan
        if math.isfinite(number):
            return number
    elif type(value) is type(default):
        return value
    names = {
        bool: "true or false",
        int: "a whole number",
        float: "a number",
        list: "a list",
        dict: "a mapping",
    }
    type_name = names.get(type(default), type(default).__name__)
    raise UserError(
        f"-p {target}={text}: {target} takes {type_name} (its default is {default!r}), "
        f"not {text!r}."
    )


def resolve_parameters(
    *,
    profile: str = "course",
    source: str | None = None,
    path: str | None = None,
    as_of: str | None = None,
    assignments: Iterable[str] = (),
    graph: Graph = GRAPH,
) -> dict[str, dict[str, Any]]:
    """Resolve all parameters of a run, for every notebook.

    `profile` and `as_of` go to every notebook that has a parameter of that name. `source` and
    `path` go to those that read from outside the workspace. `assignments` overrule them. Relative
    paths start at the caller's folder.

    Parameters
    ----------
    profile : str, optional
    source : str, optional
    path : str, optional
    as_of : str, optional
    assignments : iterable of str, optional
        Such as ``3_1_champion.review_cost_eur=5``.
    graph : Graph, optional

    Returns
    -------
    dict of str to dict
        Parameters by notebook.

    Raises
    ------
    UserError
        If a profile, source, notebook or parameter is unknown, a value does not fit, or a file is
        missing.
    """
    if profile not in PROFILES:
        raise make_unknown_name_error("profile", profile, PROFILES)
    if source is not None and source not in SOURCES:
        raise make_unknown_name_error("source", source, SOURCES)
    if (source or "simulate") != "simulate" and not path:
        raise UserError(f"--source {source} reads a file: say which, with --path FILE.")
    if path and (source or "simulate") == "simulate":
        files = ", ".join(SOURCES[1:])
        raise UserError(
            "--path goes with a source that reads files: say which kind of file it is, "
            f"with --source ({files})."
        )
    if as_of:
        try:
            dt.date.fromisoformat(as_of)
        except ValueError:
            raise UserError(
                f"--as-of {as_of!r} is not a date: write it as in 2018-07-31."
            ) from None
    checked = parse_assignments(assignments, graph)
    result: dict[str, dict[str, Any]] = {}
    for one in graph.values():
        offered = inspect_parameters(one)
        requested = {"profile": profile, "as_of": as_of}
        if one.external:
            requested |= {"source": source, "path": path}
        given = {name: value for name, value in requested.items() if value and name in offered}
        given |= checked.get(one.name, {})
        for name in one.external:
            if given.get(name):
                given[name] = _resolve_input_file(given[name])
        result[one.name] = given
    for name, value in {"source": source, "path": path, "as_of": as_of}.items():
        if value and not any(name in given for given in result.values()):
            raise UserError(
                f"No notebook has a parameter called {name}, so "
                f"--{name.replace('_', '-')} has no meaning here."
            )
    return result


def check_as_of(
    workspace: Workspace, as_of: str, chosen: Collection[str], graph: Graph = GRAPH
) -> None:
    """Check that the data was prepared for the day of this run.

    Parameters
    ----------
    workspace : Workspace
    as_of : str
    chosen : collection of str
        The notebooks that run.
    graph : Graph, optional

    Raises
    ------
    UserError
        If no chosen notebook sets `as_of` and the data is of another day.
    """
    if any("as_of" in inspect_parameters(graph[name]) for name in chosen):
        return
    manifest = workspace.root / "data" / "dataset.json"
    prepared = read_json(manifest)["timeline"] if manifest.is_file() else None
    if prepared and (
        day := dt.datetime.fromtimestamp(prepared["as_of"] - 1, dt.UTC).date()
    ) != dt.date.fromisoformat(as_of):
        setter = next(name for name in graph if "as_of" in inspect_parameters(graph[name]))
        raise UserError(
            f"The data in {workspace.root} is as of {day}, not {as_of}: run {setter} and "
            f"what follows for {as_of} first "
            f"(`{workspace.format_command('run', '--as-of', as_of)}`), or leave --as-of out."
        )


def _resolve_input_file(given: str) -> str:
    path = Path(given).expanduser().resolve()
    if not path.exists():
        raise UserError(
            f"There is no file {path}. Give --path an existing file or folder, seen from "
            f"{Path.cwd()}."
        )
    return str(path)
