"""The graph of notebooks: order, selection, parameters.

Nothing here runs a notebook, and the import is fast. So `run_all.py`, the report, the tests and the
Airflow DAG read the same graph.
"""

import difflib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from graphlib import TopologicalSorter
from typing import Any

from fraudops.errors import UserError

PROFILES = ("smoke", "course", "full")
SOURCES = ("simulate", "handbook", "sparkov", "paysim", "ulb", "ibm", "csv")


@dataclass(frozen=True)
class Node:
    """One notebook as a step: what it needs and what it writes.

    Attributes
    ----------
    name : str
        The notebook is ``folder/name.ipynb``.
    folder : str
        Relative to the repository, or absolute.
    title : str
        A short line for pages.
    needs : tuple[str, ...]
        Names of the nodes that must run before.
    writes : tuple[str, ...]
        Files or folders, relative to the workspace. Later steps depend on their content.
    loose : tuple[str, ...]
        Outputs that must exist, but whose bytes differ from run to run (HTML with random ids).
    extra_sources : tuple[str, ...]
        Other files whose content counts as source, relative to the repository.
    external : tuple[str, ...]
        Parameters that name an input file of the user, whose content counts.
    weight : int
        Approximate seconds at smoke size, to start long ones first.
    """

    name: str
    folder: str
    title: str
    needs: tuple[str, ...] = ()
    writes: tuple[str, ...] = ()
    loose: tuple[str, ...] = ()
    extra_sources: tuple[str, ...] = ()
    external: tuple[str, ...] = ()
    weight: int = 5


Graph = Mapping[str, Node]
NodeParameters = Mapping[str, Mapping[str, Any]]  # parameters by node


def make_graph(*nodes: Node) -> dict[str, Node]:
    """Make a graph of nodes by name."""
    return {node.name: node for node in nodes}


_DATA, _DRIFT, _SERVE = "1_DAG_Data", "2_Data_Drifts", "3_Model_Serving"
_RETRAIN, _AUDIT = "4_Retraining_MLFlow", "5_Audit_Web_App"

GRAPH = make_graph(
    Node(
        "1_1_ingest",
        _DATA,
        "Raw transactions through the contract",
        writes=(
            "data/dataset.json",
            "data/transactions",
            "data/labels.parquet",
            "data/quarantine.csv",
            "data/held.json",
        ),
        external=("path",),
    ),
    Node(
        "1_2_features",
        _DATA,
        "Features known at the time",
        ("1_1_ingest",),
        ("features/features.parquet",),
    ),
    Node(
        "1_3_what_runs_when",
        _DATA,
        "Order, retries, backfill",
        ("1_2_features",),
        ("pipeline/order.json",),
        extra_sources=(f"{_DATA}/dag_fraud.py", f"{_DATA}/airflow_recorded.json"),
    ),
    Node(
        "2_1_data_quality", _DRIFT, "Is the data sound?", ("1_1_ingest",), ("drift/quality.json",)
    ),
    Node(
        "2_2_drift_monitor",
        _DRIFT,
        "Has the world changed?",
        ("1_2_features",),
        ("drift/verdict.json", "drift/alerts.json", "drift/scores.parquet"),
        loose=("drift/weeks", "drift/metrics.prom"),
        extra_sources=("fraudops/monitoring/drift_limits.json",),
        weight=25,
    ),
    Node(
        "2_3_detector_marks",
        _DRIFT,
        "Which alarms are false?",
        ("1_1_ingest",),
        ("drift/marks.json",),
        extra_sources=("2_Data_Drifts/marks.csv",),
        weight=25,
    ),
    Node(
        "2_4_labels_arrive_late",
        _DRIFT,
        "What do late labels tell?",
        ("2_2_drift_monitor",),
        ("drift/late_labels.json",),
    ),
    Node("3_1_champion", _SERVE, "The first model", ("1_2_features",), ("models/champion.json",)),
    Node(
        "3_2_serve",
        _SERVE,
        "The model behind HTTP",
        ("3_1_champion",),
        ("serving/replay.json",),
        extra_sources=(f"{_SERVE}/service.py", f"{_SERVE}/bentofile.yaml"),
        weight=30,
    ),
    Node(
        "3_3_skew",
        _SERVE,
        "The same features online",
        ("3_2_serve",),
        ("serving/skew.json",),
        loose=("serving/daily_skew",),
    ),
    Node(
        "3_4_load_test",
        _SERVE,
        "How much the service can take",
        ("3_2_serve",),
        ("serving/load_test.json",),
        extra_sources=(f"{_SERVE}/service.py", f"{_SERVE}/locustfile.py"),
        weight=20,
    ),
    Node(
        "3_5_decision_rules",
        _SERVE,
        "Four rules on the same days",
        ("3_1_champion",),
        ("models/decision_rules.json",),
    ),
    Node(
        "4_1_experiments",
        _RETRAIN,
        "Which way to treat imbalance?",
        ("1_2_features",),
        ("models/experiments.json",),
        weight=20,
    ),
    Node(
        "4_2_retrain",
        _RETRAIN,
        "Challenger, gates, promotion",
        ("2_2_drift_monitor", "3_3_skew", "4_1_experiments"),
        ("models/retrain.json",),
    ),
    Node(
        "4_3_gates",
        _RETRAIN,
        "Three challengers on trial",
        ("4_2_retrain",),
        ("models/trials.json",),
    ),
    Node(
        "4_4_rollback",
        _RETRAIN,
        "Break production, mend it",
        ("4_3_gates",),
        ("models/rollback.json",),
    ),
    Node(
        "5_1_model_audit",
        _AUDIT,
        "The model card",
        ("4_2_retrain", "2_1_data_quality"),
        ("audit/model_card.md",),
    ),
    Node(
        "5_2_tamper_lab",
        _AUDIT,
        "Can you cheat the ledger?",
        ("5_1_model_audit",),
        ("audit/tamper_lab.json",),
    ),
    Node(
        "5_3_review_economics",
        _AUDIT,
        "How many reviewers pay?",
        ("5_1_model_audit",),
        ("audit/economics.json",),
    ),
    Node(
        "5_4_reviewer_labels",
        _AUDIT,
        "Can labels of reviewers be trusted?",
        ("5_3_review_economics",),
        ("audit/reviewer_labels.json",),
    ),
    # It writes nothing; it is executed so that a broken page is found here and not by a reviewer.
    Node("audit_app", _AUDIT, "The review page", ("5_1_model_audit",)),
)


def make_unknown_name_error(kind: str, given: str, valid: Collection[str]) -> UserError:
    """Make the error for an unknown name, with the valid name closest to it.

    Parameters
    ----------
    kind : str
        What is named, such as ``notebook``.
    given : str
        The unknown name.
    valid : collection of str
        The valid names.

    Returns
    -------
    UserError
    """
    close = difflib.get_close_matches(str(given), valid, n=1, cutoff=0.0)
    hint = f" Did you mean {close[0]!r}?" if close else ""
    return UserError(f"There is no {kind} {given!r}.{hint} Valid: {', '.join(valid) or 'none'}.")


def get_node(name: str, graph: Graph = GRAPH) -> Node:
    """Get a node by name.

    Raises
    ------
    UserError
        If there is none; the message names the closest name.
    """
    if name not in graph:
        raise make_unknown_name_error("node", name, graph)
    return graph[name]


def sort_nodes(graph: Graph = GRAPH) -> list[str]:
    """Sort all nodes so that each comes after what it needs.

    Parameters
    ----------
    graph : Graph, optional

    Returns
    -------
    list of str

    Examples
    --------
    >>> sort_nodes()[:2]
    ['1_1_ingest', '1_2_features']
    """
    sorter = TopologicalSorter({one.name: one.needs for one in graph.values()})
    sorter.prepare()
    rank = {name: at for at, name in enumerate(graph)}
    ready: list[str] = []
    result: list[str] = []
    while sorter.is_active():
        ready = sorted([*ready, *sorter.get_ready()], key=rank.__getitem__)
        result.append(ready.pop(0))
        sorter.done(result[-1])
    return result


def compute_critical_path(graph: Graph = GRAPH) -> dict[str, int]:
    """Compute the weight of the longest path from each node to an end."""
    result: dict[str, int] = {}
    for name in reversed(sort_nodes(graph)):
        result[name] = graph[name].weight + max(
            (result[one.name] for one in graph.values() if name in one.needs), default=0
        )
    return result


def _ancestors(name: str, graph: Graph) -> set[str]:
    return {name}.union(*(_ancestors(need, graph) for need in graph[name].needs))


def select_nodes(
    from_: str | None = None,
    only: str | None = None,
    until: str | None = None,
    graph: Graph = GRAPH,
) -> list[str]:
    """Select the notebooks to run, in order.

    Parameters
    ----------
    from_ : str, optional
        This notebook and all that depend on it.
    only : str, optional
        This notebook alone.
    until : str, optional
        This notebook and all that it needs. Together with `from_`: what is in both.
    graph : Graph, optional

    Returns
    -------
    list of str

    Raises
    ------
    UserError
        If a name is unknown, `only` is combined with another, or no notebook is left.

    Examples
    --------
    >>> select_nodes(until="1_2_features")
    ['1_1_ingest', '1_2_features']
    """
    for name in filter(None, (from_, only, until)):
        get_node(name, graph)
    if only:
        if from_ or until:
            raise UserError("--only stands for itself: leave out --from and --until.")
        return [only]
    chosen = [
        name
        for name in sort_nodes(graph)
        if (not from_ or from_ in _ancestors(name, graph))
        and (not until or name in _ancestors(until, graph))
    ]
    if not chosen:
        raise UserError(
            f"No notebook lies between {from_} and {until}: {until} does not build on {from_}."
        )
    return chosen
