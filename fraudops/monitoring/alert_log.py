"""The alerts of the monitor and what became of them: open, acknowledged, closed with an outcome."""

import time
from dataclasses import dataclass

import pandas as pd
import sqlalchemy as sa

from fraudops import ledger, store
from fraudops.errors import UserError
from fraudops.monitoring.alerts import publish_alerts
from fraudops.monitoring.verdict import RETRAIN_ACTION
from fraudops.workspace import Workspace

ALERT_OUTCOMES = {
    "data repaired": "the data was wrong, and a corrected delivery has arrived",
    "retrained": "a new model has been promoted",
    "known season": "the change was expected, and the model can stay",
    "service repaired": "the service has the same features as training again",
    "false alarm": "nothing has changed",
}
ACKNOWLEDGED, CLOSED = "acknowledged", "closed"
MIN_CLOSING_REASON_CHARACTERS = 10
PIPELINE_ACTOR = "pipeline"


@dataclass(frozen=True)
class AlertLog:
    """The alerts of one database. Each change is one row and one ledger entry.

    Attributes
    ----------
    engine : Engine
    """

    engine: sa.Engine

    @staticmethod
    def publish(workspace: Workspace, alerts: list[dict], url: str | None = None) -> int:
        """Store alerts, log the new ones, and send to the webhook what waits for delivery.

        Parameters
        ----------
        workspace : Workspace
        alerts : list of dict
            See `VerdictFile.make_alerts`. An alert that is stored already changes nothing.
        url : str, optional
            Address of the webhook; default ``$FRAUDOPS_ALERT_WEBHOOK``.

        Returns
        -------
        int
            How many alerts wait for delivery; 0 without a webhook.
        """
        return publish_alerts(workspace, alerts, url)

    @classmethod
    def read(cls, workspace: Workspace) -> pd.DataFrame:
        """Load the alerts of a workspace's database.

        Parameters
        ----------
        workspace : Workspace

        Returns
        -------
        DataFrame
            See `load`.
        """
        with store.lock_database(workspace):
            engine = store.connect(workspace)
            try:
                return cls(engine).load()
            finally:
                engine.dispose()

    def load(self) -> pd.DataFrame:
        """Load all alerts, oldest first.

        Returns
        -------
        DataFrame
            ``alert_id, as_of`` (seconds since 1970), ``severity, text, state`` (open, acknowledged
            or closed), ``outcome, reason, acknowledged_by, acknowledged_at, closed_by, closed_at``;
            times in seconds since 1970, empty where it has not happened.
        """
        changes = store.alert_changes
        with store.read_transaction(self.engine) as connection:
            query = sa.select(store.alerts).order_by(store.alerts.c.as_of, store.alerts.c.alert_id)
            alerts = store.read_frame(connection, query).set_index("alert_id")
            rows = store.read_frame(connection, sa.select(changes)).set_index("alert_id")
        acknowledged = rows[rows["state"] == ACKNOWLEDGED].reindex(alerts.index)
        closed = rows[rows["state"] == CLOSED].reindex(alerts.index)
        state = pd.Series("open", alerts.index, dtype=object)
        state = state.mask(acknowledged["actor"].notna(), ACKNOWLEDGED)
        return alerts.assign(
            state=state.mask(closed["actor"].notna(), CLOSED),
            outcome=closed["outcome"].fillna(""),
            reason=closed["reason"].fillna(""),
            acknowledged_by=acknowledged["actor"].fillna(""),
            acknowledged_at=acknowledged["changed_at"],
            closed_by=closed["actor"].fillna(""),
            closed_at=closed["changed_at"],
        ).reset_index()

    def acknowledge(self, alert_id: str, actor: str) -> None:
        """Record that a person looks at an alert.

        Parameters
        ----------
        alert_id : str
        actor : str

        Raises
        ------
        UserError
            If there is no such alert, or it is acknowledged or closed already.
        """
        with store.write_transaction(self.engine) as connection:
            self._refuse_if_changed(connection, alert_id, (ACKNOWLEDGED, CLOSED))
            self._record(connection, alert_id, ACKNOWLEDGED, actor)

    def close(self, alert_id: str, outcome: str, reason: str, actor: str) -> None:
        """Close an alert, whether it was acknowledged or not.

        Parameters
        ----------
        alert_id : str
        outcome : str
            One of `ALERT_OUTCOMES`.
        reason : str
            At least `MIN_CLOSING_REASON_CHARACTERS` characters.
        actor : str

        Raises
        ------
        UserError
            If there is no such alert, it is closed already, the outcome is unknown, or the reason
            is too short.
        """
        reason = reason.strip()
        if not outcome:
            raise UserError("Choose an outcome: it says why the alert is over.")
        if outcome not in ALERT_OUTCOMES:
            raise UserError(
                f"There is no outcome {outcome!r} of an alert: choose one of "
                f"{', '.join(ALERT_OUTCOMES)}."
            )
        if len(reason) < MIN_CLOSING_REASON_CHARACTERS:
            raise UserError(
                f"Say in at least {MIN_CLOSING_REASON_CHARACTERS} characters why the alert is "
                "closed: the next person who sees the same alert will read it."
            )
        with store.write_transaction(self.engine) as connection:
            self._refuse_if_changed(connection, alert_id, (CLOSED,))
            self._record(connection, alert_id, CLOSED, actor, outcome, reason)

    def close_retrained(self, version: str, as_of: int, actor: str = PIPELINE_ACTOR) -> list[str]:
        """Close the open alerts that asked for the model which has been promoted.

        Parameters
        ----------
        version : str
            The new champion.
        as_of : int
            Seconds since 1970. Later alerts stay open.
        actor : str, optional

        Returns
        -------
        list of str
            Ids of the alerts that were closed; none if it is done already.
        """
        alerts, changes = store.alerts.c, store.alert_changes.c
        closed = sa.select(changes.alert_id).where(changes.state == CLOSED)
        query = sa.select(alerts.alert_id).where(
            alerts.as_of <= as_of,
            alerts.alert_id.endswith(f"-{RETRAIN_ACTION}"),
            alerts.alert_id.not_in(closed),
        )
        reason = f"version {version} has been promoted"
        with store.write_transaction(self.engine) as connection:
            ids = list(connection.scalars(query.order_by(alerts.as_of)))
            for alert_id in ids:
                self._record(connection, alert_id, CLOSED, actor, "retrained", reason)
        return ids

    def _refuse_if_changed(
        self, connection: sa.Connection, alert_id: str, states: tuple[str, ...]
    ) -> None:
        alerts, changes = store.alerts.c, store.alert_changes.c
        found = connection.scalar(sa.select(alerts.alert_id).where(alerts.alert_id == alert_id))
        if found is None:
            raise UserError(f"There is no alert {alert_id!r}. Reload the page to see all alerts.")
        query = sa.select(store.alert_changes).where(
            changes.alert_id == alert_id, changes.state.in_(states)
        )
        earlier = connection.execute(query.order_by(changes.changed_at.desc())).first()
        if earlier is not None:
            raise UserError(
                f"The alert {alert_id} has been {earlier.state} by {earlier.actor} already."
            )

    def _record(
        self,
        connection: sa.Connection,
        alert_id: str,
        state: str,
        actor: str,
        outcome: str = "",
        reason: str = "",
    ) -> None:
        entry = {"alert_id": alert_id, "state": state, "outcome": outcome, "reason": reason}
        row = entry | {"actor": actor, "changed_at": time.time()}
        connection.execute(store.alert_changes.insert().values(row))
        ledger.append_entry(connection, "alert", actor, **entry)
