"""The lab *The midnight promotion*: its questions, and what a student did in its world."""

import sqlalchemy as sa
from mlflow.exceptions import MlflowException

from fraudops import ledger, store
from fraudops.incidents.labs.lab import (
    FULL_POINTS,
    HALF_POINTS,
    NO_POINTS,
    FormLine,
    Lab,
    ObservedAction,
)
from fraudops.incidents.labs.midnight_answers import BACK, PROMOTED, WHO, make_night_answers
from fraudops.incidents.labs.midnight_world import NIGHT_LAB, NightPlan, build_night_world
from fraudops.ledger import REGISTERED_MODEL_NAME
from fraudops.models import ModelRegistry
from fraudops.workspace import Workspace


def judge_night_action(workspace: Workspace, seed: int) -> ObservedAction:
    """Tell what the student did: ledger, aliases, and the mode of the service.

    Parameters
    ----------
    workspace : Workspace
    seed : int

    Returns
    -------
    ObservedAction
    """
    plan = NightPlan.draw(seed)

    def read(engine: sa.Engine) -> tuple[str | None, list[dict], dict]:
        with store.read_transaction(engine) as connection:
            broken = ledger.verify_chain(connection)
            moves = ledger.load_entries(connection, "champion")
            return broken, moves, store.read_deployment(connection)

    broken, moves, deployment = store.read_undisturbed(workspace, read)
    client = ModelRegistry(workspace).client
    aliases = client.get_registered_model(REGISTERED_MODEL_NAME).aliases
    alias = str(aliases.get("champion", ""))
    if broken:
        return ObservedAction(
            "nothing",
            NO_POINTS,
            "record_broken",
            f"The chain of the ledger does not hold any more: {broken}. Nobody may write in it.",
            WHO,
        )
    try:
        client.get_model_version(REGISTERED_MODEL_NAME, plan.bad)
    except MlflowException:
        return ObservedAction(
            "delete-the-version",
            NO_POINTS,
            "version_deleted",
            f"Version {plan.bad} is gone from the registry. Its decisions can be explained no "
            "more, and the service still follows the ledger.",
            BACK,
        )
    last = moves[-1]
    version, kind = last["payload"]["version"], last["payload"]["kind"]
    if last["at"] > plan.at and version == plan.good and alias == plan.good:
        if kind == "rollback":
            return ObservedAction("roll-back", FULL_POINTS)
        return ObservedAction(
            "promote",
            HALF_POINTS,
            "promoted_again",
            "You promoted the good version. It decides again, but the record does not say that "
            "this was a way back, and a promotion needs gates. `registry.roll_back` does it.",
            BACK,
        )
    if last["at"] > plan.at:
        return ObservedAction(
            "promote",
            NO_POINTS,
            "wrong_version",
            f"Version {version} decides now. Before the night it was version {plan.good}.",
            BACK,
        )
    if alias != plan.bad:
        return ObservedAction(
            "move-the-alias",
            NO_POINTS,
            "alias_only",
            "You moved only the alias. The workers follow the database, so the bad version still "
            "decides, and the ledger has no entry of your move.",
            PROMOTED,
        )
    if deployment.get("mode", ({"mode": "model"}, 0))[0]["mode"] == "rules":
        return ObservedAction(
            "fallback-rules",
            HALF_POINTS,
            "rules_cost_more",
            "The rules stop the damage, and they find less fraud than the model before. A good "
            "version is there: roll back.",
            BACK,
        )
    return ObservedAction(
        "nothing",
        NO_POINTS,
        "still_deciding",
        f"Version {plan.bad} still decides about each purchase.",
        BACK,
    )


MIDNIGHT_PROMOTION = Lab(
    NIGHT_LAB,
    "The midnight promotion",
    60,
    (
        FormLine(
            "cause",
            "What is the cause?",
            "choice",
            "Count the decisions by minute and by version of the model.",
            WHO,
            (
                "promotion-past-the-gates",
                "policy-change",
                "alias-moved-by-hand",
                "drift",
                "broken-data",
                "service-restart",
            ),
        ),
        FormLine(
            "where",
            "Which entry of the ledger made it happen? Its number.",
            "number",
            "Read the entries about the champion in order.",
            WHO,
        ),
        FormLine("when", "When did it happen?", "minute", "Read the time of the entry.", WHO),
        FormLine("actor", "Who wrote this entry?", "name", "Each entry names its actor.", WHO),
        FormLine(
            "decisions",
            "How many purchases did the wrong version decide?",
            "number",
            "Each prediction names the version that made it.",
            WHO,
        ),
        FormLine(
            "action",
            "What did you do in this world?",
            "choice",
            "What you say and what the world shows must agree.",
            BACK,
            (
                "roll-back",
                "promote",
                "move-the-alias",
                "delete-the-version",
                "fallback-rules",
                "nothing",
            ),
        ),
    ),
    build_night_world,
    make_night_answers,
    judge_night_action,
)
