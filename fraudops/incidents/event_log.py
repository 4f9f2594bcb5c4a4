"""The event log of a pager week: a hash chain in a file of lines."""

import json
from pathlib import Path
from typing import Any

from fraudops.errors import UserError
from fraudops.ledger import GENESIS_HASH, canonical_json, hash_entry
from fraudops.workspace import atomic_write


class EventLog:
    """Events in order; each holds the hash of the one before it.

    Attributes
    ----------
    entries : list of dict
        ``seq``, ``previous``, ``hash`` and ``body`` (canonical JSON of day, event and payload).
    """

    def __init__(self) -> None:
        self.entries: list[dict[str, Any]] = []

    @property
    def head(self) -> str:
        """The hash of the last event, which is the signature of all."""
        return self.entries[-1]["hash"] if self.entries else GENESIS_HASH

    def append(self, day: int, event: str, **payload: Any) -> None:
        """Append an event.

        Parameters
        ----------
        day : int
        event : str
        **payload : JSON value
        """
        body = canonical_json({"day": day, "event": event, "payload": payload})
        seq, previous = len(self.entries) + 1, self.head
        digest = hash_entry(seq, previous, body)
        self.entries.append({"seq": seq, "previous": previous, "hash": digest, "body": body})

    def list_events(self, event: str) -> list[dict[str, Any]]:
        """List the payloads of one kind of event.

        Parameters
        ----------
        event : str

        Returns
        -------
        list of dict
        """
        bodies = [json.loads(one["body"]) for one in self.entries]
        return [one["payload"] for one in bodies if one["event"] == event]

    def save(self, path: Path) -> None:
        """Write the log, one event a line.

        Parameters
        ----------
        path : Path
        """
        path.parent.mkdir(parents=True, exist_ok=True)
        with atomic_write(path) as temporary:
            temporary.write_text(
                "".join(canonical_json(one) + "\n" for one in self.entries), encoding="utf-8"
            )

    @classmethod
    def load(cls, path: Path) -> "EventLog":
        """Load a log, and verify its chain.

        Parameters
        ----------
        path : Path

        Returns
        -------
        EventLog

        Raises
        ------
        UserError
            If it cannot be read, or an event was changed.
        """
        log = cls()
        try:
            lines = path.read_text(encoding="utf-8").splitlines()
            for line in lines:
                entry = json.loads(line)
                body = json.loads(entry["body"])
                log.append(body["day"], body["event"], **body["payload"])
                if log.entries[-1] != entry:
                    raise UserError(f"{path}: event {len(log.entries)} was changed.")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path} is no event log of a pager week: {error}") from error
        if not log.entries:
            raise UserError(f"{path} is empty.")
        return log
