"""The scoring service: raw transactions in, decisions out. This file is the HTTP face; the work is
done in fraudops.
"""

import asyncio
import gc
import json
import logging
import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Annotated, Literal

import anyio
import bentoml
from fastapi import Body, FastAPI, HTTPException, Query, Request
from fastapi import Path as PathParameter
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from prometheus_client import Counter, Histogram

from fraudops import features, ledger, serving, store
from fraudops.errors import UserError
from fraudops.models import DecisionPolicy
from fraudops.serving import (
    BENTO_MODEL_NAME,
    BENTO_SERVICE_NAME,
    CALLER_KEY,
    AccessMiddleware,
    Identifier,
    LabelRequest,
    LabelResponse,
    ModelInfo,
    PolicyRequest,
    PredictionPage,
    PredictionReasons,
    ProblemDetails,
    RefundRequest,
    RefundResponse,
    ReloadResponse,
    ScoredTransaction,
    ScoreRequest,
    SwitchRequest,
    find_model_file,
    make_problem_details,
)
from fraudops.workspace import Workspace

log = logging.getLogger("fraudops.service")

SECONDS = 30  # a request may take
AHEAD_SECONDS = 86_400  # that a transaction's clock may be ahead of ours

app = FastAPI(
    title="Card-fraud scoring",
    version="1",
    docs_url=None,  # BentoML shows the same description at /, without a network
    redoc_url=None,
    responses={
        400: {"model": ProblemDetails, "description": "The body is not JSON"},
        422: {"model": ProblemDetails, "description": "A field is wrong, and named"},
        503: {
            "model": ProblemDetails,
            "description": "The queue is full, come back after Retry-After seconds",
        },
    },
)


def get_recorded_actor(request: Request, stated: str) -> tuple[str, str]:
    """Who goes into the ledger, and on whose behalf: a caller is known by its token alone."""
    caller = request.scope.get(CALLER_KEY)
    return (f"api:{caller}", stated) if caller else (f"unverified:{stated}", "")


def refuse(
    status: int, title: str, detail: str, headers: dict[str, str] | None = None, **more: object
) -> JSONResponse:
    """A problem as an answer."""
    content = make_problem_details(status, title, detail, **more)
    return JSONResponse(content, status, headers, media_type="application/problem+json")


@app.exception_handler(RequestValidationError)
async def name_the_field(_: Request, error: RequestValidationError) -> JSONResponse:
    """A line for each field that is wrong, without what it held."""
    faults = [
        {"field": ".".join(map(str, one["loc"][1:])) or "body", "message": one["msg"]}
        for one in error.errors()[:50]
    ]
    if any(one["type"] == "json_invalid" for one in error.errors()):
        return refuse(400, "The body is not JSON", faults[0]["message"], errors=faults)
    detail = "; ".join(f"{one['field']}: {one['message']}" for one in faults[:3])
    return refuse(422, "The request does not fit", detail, errors=faults)


@app.exception_handler(HTTPException)
async def as_problem(_: Request, error: HTTPException) -> JSONResponse:
    """Refusals of our own."""
    return refuse(error.status_code, "The request was refused", str(error.detail), error.headers)


@app.exception_handler(serving.QueueFullError)
async def busy(_: Request, _error: serving.QueueFullError) -> JSONResponse:
    """Too many wait."""
    return refuse(
        503,
        "Too busy",
        f"{serving.MAX_WAITING_REQUESTS} requests wait already: try again.",
        {"Retry-After": "1"},
    )


@app.exception_handler(TimeoutError)
async def late(_: Request, _error: TimeoutError) -> JSONResponse:
    """An answer that took too long; it is stored all the same, and the same request again
    gets it.
    """
    return refuse(
        503, "Too slow", f"No answer within {SECONDS} s: send the same again.", {"Retry-After": "1"}
    )


@bentoml.service(
    name=BENTO_SERVICE_NAME,
    workers=int(os.environ.get("FRAUDOPS_WORKERS", "1")),
    traffic={"timeout": 2 * SECONDS},
    logging={"access": {"enabled": False}},  # every answer is in the database
)
@bentoml.asgi_app(app)
class FraudScoring:
    """Scores transactions with features from stored history; a prediction is in the database before
    its answer leaves.
    """

    model = bentoml.models.BentoModel(
        f"{BENTO_MODEL_NAME}:latest"
    )  # pinned to one version when the Bento is built

    def __init__(self) -> None:
        sys.modules.setdefault(
            "matplotlib", None
        )  # shap would load it, 50 MB, to draw what a service never draws
        self.workspace = Workspace.find()
        self.engine = store.connect(self.workspace)
        file, known = find_model_file(Path(self.model.path)), self.model.info.metadata
        self.scorer = serving.Scorer(
            self.engine,
            file,
            known["sha256"],
            str(known["version"]),
            DecisionPolicy.from_record(json.loads(known["policy"])),
            made_at=self.model.info.creation_time.timestamp(),
            prediction_key=os.environ.get(serving.PREDICTION_KEY_VARIABLE, ""),
        )
        self.reasons = serving.StoredReasons(
            self.engine, self._load_version, self.scorer.find_loaded
        )
        self.differs = serving.find_environment_differences(file.parent)
        for one in self.differs:
            log.warning("This environment is not the one that the model was trained in: %s", one)
        self.noted: dict[str, str] = {}
        self._note_status()
        self.batcher = serving.Batcher(self._answer)
        self.decided = Counter(
            "fraudops_decisions", "answers by decision and model", ["decision", "model"]
        )
        self.seconds = Histogram("fraudops_score_seconds", "from a request's arrival to its answer")

    def _answer(self, rows: list[dict]) -> list[dict]:
        answers = self.scorer.answer(rows)
        self._note_status()
        return answers

    def _load_version(self, version: str) -> serving.LoadedModel:
        """A model of the registry."""
        return serving.load_registered_version(self.workspace, version)

    def _note_status(self) -> None:
        """Tell the other workers what this one answers with, if that has changed."""
        if self.scorer.status != self.noted:
            self.noted = self.scorer.status
            serving.write_worker_status(self.workspace, self.noted)

    @bentoml.on_startup
    async def start(self) -> None:
        """Begin to work through the queue."""
        self.worker = asyncio.create_task(self.batcher.run())
        sys.setswitchinterval(
            0.0005
        )  # s: the loop sends an answer without 5 ms of waiting for the thread that makes the next
        gc.collect()
        # what is loaded stays: a collection need not walk through all of it in the middle of an
        # answer
        gc.freeze()
        # the next full one waits for a quarter of what this one finds, which now is little
        gc.collect()

    def __is_ready__(self) -> bool:
        with self.engine.connect() as connection:
            store.read_deployment(connection)
        return not self.worker.done()

    @app.post("/score", summary="Score raw transactions")
    async def score(
        self,
        body: ScoreRequest,
        reasons: Annotated[
            Literal["cases", "all"],
            Query(description="which transactions are explained; all takes twice as long"),
        ] = "cases",
    ) -> list[ScoredTransaction]:
        """Score one or many raw transactions. A tx_id that was scored before gets its first answer
        again.

        Their order and the order of requests within a minute do not matter: no feature looks at the
        last 60 seconds.
        """
        began = time.perf_counter()
        limit = time.time() + AHEAD_SECONDS
        rows = [one.canonical() for one in body.transactions]
        if reasons == "all" and len(rows) > serving.MAX_EXPLAINED_ROWS:
            most = serving.MAX_EXPLAINED_ROWS
            raise HTTPException(422, f"reasons=all takes at most {most} transactions a request")
        for number, one in enumerate(rows):
            if one["ts"] > limit:
                raise HTTPException(422, f"transactions.{number}.ts lies in the future")
            if missing := self.scorer.list_missing_given(one):
                detail = f"transactions.{number}.given lacks {', '.join(missing)}"
                raise HTTPException(422, f"{detail}, which the model needs")
        with anyio.fail_after(SECONDS):
            answers = await self.batcher.submit(rows)
            if reasons == "all":
                answers = await anyio.to_thread.run_sync(
                    self.reasons.complete, answers, abandon_on_cancel=True
                )
        self.seconds.observe(time.perf_counter() - began)
        for one in answers:
            self.decided.labels(one["decision"], one["model_version"]).inc()
        return answers

    @app.post("/refund", summary="Take refunds and reversals in")
    def refund(self, request: Request, body: RefundRequest) -> RefundResponse:
        """Record money that goes back. One whose tx_id is already known changes nothing.

        It gets no score and no decision. The features of the customer's later transactions count
        it from its `ts` on.
        """
        limit = time.time() + AHEAD_SECONDS
        for number, one in enumerate(body.refunds):
            if one.ts > limit:
                raise HTTPException(422, f"refunds.{number}.ts lies in the future")
        caller = request.scope.get(CALLER_KEY)
        by = f"api:{caller}" if caller else "unverified:payment system"
        try:
            with store.write_transaction(self.engine) as connection:
                rows = [one.canonical() for one in body.refunds]
                return RefundResponse(new=ledger.insert_refunds(connection, rows, by=by))
        except UserError as error:
            raise HTTPException(409, str(error)) from None

    @app.post("/label", summary="Take fraud reports in")
    def label(self, request: Request, body: LabelRequest) -> LabelResponse:
        """Take chargebacks in. One that is already known changes nothing.

        The caller needs a token, on this machine too: its name is in the label and in the ledger. A
        chargeback counts in features and training from `label_ts` on. A reviewer's label is not
        taken here: it follows from a decision.
        """
        caller = request.scope.get(CALLER_KEY)
        if caller is None:
            raise HTTPException(
                401,
                "Fraud reports are taken from a caller with a token only: start the service with "
                f"{serving.API_TOKEN_VARIABLE}=NAME:TOKEN, and send 'Authorization: Bearer TOKEN'.",
                {"WWW-Authenticate": "Bearer"},
            )
        with store.write_transaction(self.engine) as connection:
            missing = [
                one.tx_id
                for one in body.labels
                if one.customer_id is None or one.terminal_id is None
            ]
            known = {}
            for part in store.split_keys(missing):
                known |= store.load_transaction_entities(connection, part)
            if unknown := [tx_id for tx_id in missing if tx_id not in known]:
                detail = (
                    f"labels: transaction {unknown[0]!r} is not stored: give customer_id and "
                    "terminal_id with its label"
                )
                raise HTTPException(404, detail)
            rows = [
                one.model_dump(exclude={"customer_id", "terminal_id"})
                | {"is_fraud": int(one.is_fraud), "actor": caller}
                | dict(
                    zip(
                        ("customer_id", "terminal_id"),
                        known.get(one.tx_id, (one.customer_id, one.terminal_id)),
                        strict=True,
                    )
                )
                for one in body.labels
            ]
            new = ledger.insert_chargebacks(connection, rows, by=f"api:{caller}")
            ledger.settle_cases(connection)
            return LabelResponse(new=new)

    @app.get("/predictions", summary="Stored predictions, in pages")
    def predictions(
        self,
        filter: Annotated[
            Literal[store.PREDICTION_FILTERS],
            Query(description="errors: approved frauds, flagged genuine ones"),
        ] = "all",
        limit: Annotated[int, Query(ge=1, le=1000)] = 100,
        after: Annotated[
            str,
            Query(
                max_length=300, description="`next` of the page before", pattern=r"^(\d{1,12}:.+)?$"
            ),
        ] = "",
    ) -> PredictionPage:
        """Predictions in the order of time, each with what is known of it by the time of the latest
        transaction.
        """
        ts, _, tx_id = after.partition(":")
        with self.engine.connect() as connection:
            found = store.list_predictions(
                connection, filter, limit, (int(ts), tx_id) if after else (-1, "")
            )
        following = f"{found[-1]['ts']}:{found[-1]['tx_id']}" if len(found) == limit else None
        return PredictionPage(predictions=found, next=following)

    @app.get(
        "/predictions/{prediction_id}/reasons",
        summary="Why a stored prediction was made",
        responses={
            404: {"model": ProblemDetails, "description": "There is no such prediction"},
            409: {"model": ProblemDetails, "description": "Its model cannot explain it today"},
        },
    )
    def explain(
        self, prediction_id: Annotated[str, PathParameter(pattern=r"^[0-9a-f]{32}$")]
    ) -> PredictionReasons:
        """The strongest SHAP reasons, computed from the stored inputs with the version that
        answered. Nothing is stored.
        """
        try:
            return PredictionReasons(**self.reasons.explain(prediction_id))
        except serving.UnknownPredictionError as error:
            raise HTTPException(404, str(error)) from None
        except UserError as error:
            raise HTTPException(409, str(error)) from None

    @app.get("/stats", summary="Counts over everything stored")
    def stats(self) -> dict:
        """Transactions, predictions by decision and model, labels, shadow answers; what waits
        now.
        """
        with self.engine.connect() as connection:
            return store.count_stored_rows(connection) | {"waiting": self.batcher.queue.qsize()}

    @app.get("/model", summary="Which model answers")
    def describe(self) -> ModelInfo:
        """Version, file hash, decision policy, mode, challenger, and how this environment differs
        from the training's.
        """
        with self.engine.connect() as connection:
            self.scorer.apply_deployment(connection)
        self._note_status()
        served, challenger = self.scorer.champion, self.scorer.challenger
        return ModelInfo(
            version=served.version,
            sha256=served.sha256,
            mode=self.scorer.mode,
            policy=(self.scorer.changed_policy or served.policy).to_record(),
            explained=served.explainer.available,
            challenger=challenger.version if challenger else None,
            environment=self.differs,
            feature_engine=features.get_window_engine(),
            workers=serving.read_worker_statuses(self.workspace),
        )

    @app.post("/reload", summary="Take the registry's champion")
    async def reload(
        self, request: Request, actor: Annotated[Identifier, Body(embed=True)] = "operator"
    ) -> ReloadResponse:
        """Let every worker answer by the registry's champion, with its challenger in the shadow. No
        request is dropped.
        """
        command = [
            sys.executable,
            "-m",
            "fraudops.models.registry",
        ]  # beside us: mlflow takes seconds and memory
        done = await anyio.run_process(
            command,
            check=False,
            env=self.workspace.subprocess_environment(),
            stderr=subprocess.PIPE,
        )
        if done.returncode:
            raise HTTPException(409, done.stderr.decode().strip().splitlines()[-1])
        named = json.loads(done.stdout.decode().splitlines()[-1])
        before = self.scorer.champion.version
        try:
            await anyio.to_thread.run_sync(self.scorer.try_out, named["champion"])
        except UserError as error:
            raise HTTPException(409, str(error)) from None
        by, wanted_by = get_recorded_actor(request, actor)
        await anyio.to_thread.run_sync(
            ledger.change_deployment, self.engine, named, by, "reload", wanted_by
        )
        challenger = named["challenger"]
        return ReloadResponse(
            version=named["champion"]["version"],
            previous=before,
            challenger=challenger["version"] if challenger else None,
        )

    @app.post("/switch", summary="Stop the model, or let it answer again")
    def switch(self, request: Request, body: SwitchRequest) -> ModelInfo:
        """Fall back to plain rules, or return to the model; every worker follows with its next
        request, the ledger knows.
        """
        by, wanted_by = get_recorded_actor(request, body.actor)
        ledger.change_deployment(
            self.engine, {"mode": {"mode": body.mode}}, by, body.reason, wanted_by
        )
        log.warning("%s (%s) switched to %s: %s", by, body.actor, body.mode, body.reason)
        return self.describe()

    @app.post("/policy", summary="Change costs or capacity")
    def change_policy(self, request: Request, body: PolicyRequest) -> ModelInfo:
        """Decide by other costs or another capacity; every worker follows with its next request,
        the ledger knows. It holds for later champions too, until it is changed again.
        """
        try:
            policy = DecisionPolicy(**body.model_dump(exclude={"actor", "reason"}))
        except UserError as error:
            raise HTTPException(422, str(error)) from None
        by, wanted_by = get_recorded_actor(request, body.actor)
        ledger.change_deployment(
            self.engine, {"policy": policy.to_record()}, by, body.reason, wanted_by
        )
        log.warning("%s (%s) changed the decision policy: %s", by, body.actor, body.reason)
        return self.describe()


FraudScoring.add_asgi_middleware(AccessMiddleware)
