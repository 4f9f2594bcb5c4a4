"""Check of E32: one text for one fact, tied to the entry before."""

import hashlib
import json

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    case = f"c{int(random.integers(100, 999))}"
    previous = hashlib.sha256(case.encode()).hexdigest()
    sorted_entry = {"actor": "ada", "case": case}
    return [
        Probe((sorted_entry, ""), "the first entry"),
        Probe((sorted_entry, previous), "a later entry"),
        Probe((dict(reversed(sorted_entry.items())), ""), "the same fact, other order"),
        Probe(({"event": "read"}, ""), "one key"),
    ]


def compute(entry, previous, sort_keys=True, separators=(",", ":")):
    text = json.dumps(entry, sort_keys=sort_keys, separators=separators)
    return hashlib.sha256((previous + text).encode()).hexdigest()


def answer(entry, previous):
    return compute(entry, previous)


MISCONCEPTIONS = (
    Misconception(
        "not_sorted",
        "The same fact with its keys in another order has another hash. Sort the keys.",
        lambda entry, previous: compute(entry, previous, sort_keys=False),
    ),
    Misconception(
        "spaces",
        "json.dumps writes a space behind each comma and colon. Another program may not. "
        "Say which separators you mean.",
        lambda entry, previous: compute(entry, previous, separators=None),
    ),
    Misconception(
        "not_tied",
        "The hash of the entry before is missing. Entries that are not tied together can "
        "be removed without a trace.",
        lambda entry, previous: compute(entry, ""),
    ),
)
