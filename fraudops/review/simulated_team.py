"""A simulated review team that works through the real queue, for replays without people."""

from collections.abc import Collection
from dataclasses import dataclass, field

import numpy as np
import pandas as pd
import sqlalchemy as sa

from fraudops import store
from fraudops.errors import UserError
from fraudops.review.queue import ReviewQueue
from fraudops.review.simulated_reviewer import SimulatedReviewer


@dataclass(frozen=True)
class SimulatedTeam:
    """A team of stated size and accuracy. Its members are users like others in the ledger.

    Attributes
    ----------
    reviews_per_day : int
        Verdicts that the team gives in a day, second opinions included.
    reviewer : SimulatedReviewer
        How often its members err.
    actors : tuple of str
        Names of the members; at least two, because some cases need a second person.

    Raises
    ------
    UserError
        If the size is negative or there are fewer than two members.
    """

    reviews_per_day: int = 75
    reviewer: SimulatedReviewer = field(default_factory=SimulatedReviewer)
    actors: tuple[str, ...] = ("sim:ann", "sim:bob")

    def __post_init__(self) -> None:
        if self.reviews_per_day < 0 or len(self.actors) < 2:
            raise UserError(
                f"A team gives 0 verdicts a day or more and has two members or more, not "
                f"{self.reviews_per_day} verdicts and {len(self.actors)} members."
            )

    def work_one_day(self, engine: sa.Engine, frauds: Collection[str], day: int) -> int:
        """Review cases in the order of the queue, until the day's work is done.

        A day on which the team has worked already is left alone, so a replay can run twice.

        Parameters
        ----------
        engine : Engine
        frauds : collection of str
            The tx_id of every fraud: what a reviewer finds out on the telephone.
        day : int
            First second of the day, since 1970. The latest stored transaction is of this day.

        Returns
        -------
        int
            Verdicts given; fewer than `reviews_per_day` if no case is left.
        """
        labels = store.labels.c
        query = sa.select(sa.func.max(labels.label_ts)).where(labels.actor.in_(self.actors))
        with engine.connect() as connection:
            latest = connection.scalar(query)
        if latest is not None and latest >= day:
            return 0
        queue = ReviewQueue(engine)
        idle = 0
        for number in range(self.reviews_per_day):
            while idle < len(self.actors):
                actor = self.actors[(number + idle) % len(self.actors)]
                tx_id = queue.claim_next(actor)
                if tx_id is not None:
                    break
                idle += 1  # another member may be allowed to review what is left
            else:
                return number
            idle = 0
            called = self.reviewer.call_fraud(pd.Series([tx_id]), np.array([tx_id in frauds]))
            verdict = "fraud" if called[0] else "genuine"
            if queue.is_score_hidden(tx_id, actor):
                queue.record_opinion(tx_id, verdict, actor)
            note = "simulated: asked the customer by telephone"
            queue.record_decision(tx_id, verdict, actor, f"other_{verdict}", note)
        return self.reviews_per_day
