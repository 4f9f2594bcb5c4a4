"""The chain of notebooks as Apache Airflow DAGs: tasks and edges come from `fraudops.pipeline`,
nothing is listed twice.

``fraud_data`` runs stage 1 every day for the day that is over; the logical date is the run's
`as_of`. Its last notebook updates an asset, and that starts ``fraud_operation``: stages 2 to 5 for
the same `as_of`. Each task runs one notebook through `run_all.py` in the project's own environment,
so a task that runs twice does nothing the second time.

Nothing here assumes one machine: what tasks share is the workspace and the databases, named by
environment variables (docs/airflow.md). Airflow needs the repository on PYTHONPATH to import the
graph; the project's packages it does not need.
"""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

from airflow.sdk import DAG, Asset, BaseOperator, Param, task
from airflow.sdk.exceptions import AirflowFailException
from airflow.timetables.interval import CronDataIntervalTimetable

from fraudops.pipeline import GRAPH, PROFILES, SOURCES, Node, sort_nodes

REPOSITORY = Path(os.environ.get("FRAUDOPS_REPOSITORY") or Path(__file__).resolve().parents[1])
PYTHON = os.environ.get("FRAUDOPS_PYTHON") or str(REPOSITORY / ".venv" / "bin" / "python")
DATA = GRAPH[sort_nodes()[0]].folder  # the stage of the first notebook
FEATURES = Asset(name="fraud_features", uri="x-fraudops://features")
COMMAND = (
    '"$PROJECT_PYTHON" run_all.py --only "$NODE" --as-of "$AS_OF" --profile "$PROFILE" '
    '--source "$SOURCE"'
    ' ${SOURCE_PATH:+--path "$SOURCE_PATH"}'
)
START = datetime(
    2026, 3, 31, tzinfo=UTC
)  # the simulated world is ninety days old: enough to train on
DEFAULTS = {
    "retries": 2,
    "retry_delay": timedelta(seconds=int(os.environ.get("FRAUDOPS_RETRY_SECONDS", "300"))),
}
# what `fraudops airflow` has found in the workspace
AS_OF, LAST_DAY = os.environ.get("FRAUDOPS_AS_OF", ""), os.environ.get("FRAUDOPS_LAST_DAY", "")
PROFILE = os.environ.get("FRAUDOPS_PROFILE", "course")
PARAMS = {
    "profile": Param(PROFILE, enum=list(PROFILES), description="size of the simulated world"),
    "source": Param(os.environ.get("FRAUDOPS_SOURCE", "simulate"), enum=list(SOURCES)),
    "path": Param(
        os.environ.get("FRAUDOPS_PATH", ""),
        type="string",
        description="file or folder of a source that reads one; workers must see it",
    ),
}


def day_of_data(run, params: dict) -> str:  # type: ignore[no-untyped-def]
    """The `as_of` of a run of ``fraud_data``: as given by hand, else the logical date, but no day
    after the end of simulated data, which has no new days.
    """
    date = run.logical_date.date().isoformat() if run.logical_date else params["as_of"]
    return (run.conf or {}).get("as_of") or min(filter(None, (date, LAST_DAY)))


def told_as_of(run, events: dict) -> str:  # type: ignore[no-untyped-def]
    """The `as_of` of a run of ``fraud_operation``: from the asset's event, or from --conf when
    started by hand.
    """
    told = [event.extra.get("as_of") for found in events.values() for event in found]
    as_of = next(filter(None, reversed(told)), None) or (run.conf or {}).get("as_of")
    if not as_of:
        raise AirflowFailException(
            'This run was not told its day: start it with --conf \'{"as_of": "2026-05-01"}\'.'
        )
    return as_of


def told(name: str, run, events: dict, params: dict) -> str:  # type: ignore[no-untyped-def]
    """A parameter as the run of ``fraud_data`` had it that made the data, else this run's own."""
    for found in events.values():
        for event in found:
            if name in event.extra:
                return event.extra[name]
    return params[name]


def notebook(node: Node, as_of: str, param: str, outlets: list[Asset]) -> BaseOperator:
    """The task of one notebook; `as_of` and `param` are templates of its environment."""
    environment = {
        "NODE": node.name,
        "AS_OF": as_of,
        "PROJECT_PYTHON": PYTHON,
        "PYTHONUNBUFFERED": "1",
    } | {
        variable: param.format(name=name)
        for variable, name in (
            ("PROFILE", "profile"),
            ("SOURCE", "source"),
            ("SOURCE_PATH", "path"),
        )
    }

    @task.bash(
        task_id=node.name,
        doc_md=node.title,
        env=environment,
        append_env=True,
        cwd=str(REPOSITORY),
        outlets=outlets,
    )
    def run(**context: object) -> str:
        for asset in outlets:
            told_on = {name: context["params"][name] for name in PARAMS}
            context["outlet_events"][asset].extra = told_on | {
                "as_of": day_of_data(context["dag_run"], context["params"])
            }
        return COMMAND

    return run()


def tasks(
    nodes: list[Node], as_of: str, param: str, announce: Asset | None = None
) -> dict[str, BaseOperator]:
    """One task a notebook, with the graph's edges; notebooks that nothing here needs announce the
    asset.
    """
    needed = {need for node in nodes for need in node.needs}
    made = {
        node.name: notebook(
            node, as_of, param, [announce] if announce and node.name not in needed else []
        )
        for node in nodes
    }
    for node in nodes:
        for need in node.needs:
            if need in made:
                made[need] >> made[node.name]
    return made


ORDERED = [GRAPH[name] for name in sort_nodes()]

with DAG(
    "fraud_data",
    description="Stage 1: raw transactions of the day to features",
    schedule=CronDataIntervalTimetable("@daily", timezone="UTC"),
    start_date=START,
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,  # a workspace is worked in by one notebook at a time
    default_args=DEFAULTS,
    params=PARAMS
    | {"as_of": Param(AS_OF, type="string", description="last day whose data is complete")},
    user_defined_macros={"day_of_data": day_of_data},
    doc_md=__doc__,
    tags=["fraud"],
) as fraud_data:
    made = tasks(
        [node for node in ORDERED if node.folder == DATA],
        "{{ day_of_data(dag_run, params) }}",
        "{{{{ params.{name} }}}}",
        FEATURES,
    )

    @task.sensor(
        task_id="day_before_is_done", mode="reschedule", poke_interval=30, timeout=6 * 3600
    )
    def day_before_is_done(**context: object) -> bool:
        """New data must not come under an operation that still works on the old."""
        return (
            context["ti"].get_dr_count(dag_id="fraud_operation", states=["queued", "running"]) == 0
        )

    day_before_is_done() >> [
        made[node.name] for node in ORDERED if node.folder == DATA and not node.needs
    ]

with DAG(
    "fraud_operation",
    description=(
        "Stages 2 to 5: drift, service, retraining, audit, as soon as stage 1 has updated the "
        "features"
    ),
    schedule=[FEATURES],
    start_date=START,
    catchup=False,
    max_active_runs=1,
    max_active_tasks=1,
    default_args=DEFAULTS,
    params=PARAMS,
    user_defined_macros={"told_as_of": told_as_of, "told": told},
    doc_md=__doc__,
    tags=["fraud"],
) as fraud_operation:
    tasks(
        [node for node in ORDERED if node.folder != DATA],
        "{{ told_as_of(dag_run, triggering_asset_events) }}",
        "{{{{ told('{name}', dag_run, triggering_asset_events, params) }}}}",
    )
