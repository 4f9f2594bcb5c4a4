"""Check of E29: links and hashes of a chain, from its first entry on."""

import hashlib

from fraudops.exercises import Misconception, Probe


def compute_hash(previous, text):
    return hashlib.sha256((previous + text).encode()).hexdigest()


def make_chain(texts):
    entries, previous = [], ""
    for text in texts:
        own = compute_hash(previous, text)
        entries.append({"text": text, "previous": previous, "hash": own})
        previous = own
    return entries


def make_probes(random):
    amounts = [int(one) for one in random.integers(10, 900, size=5)]
    chain = make_chain([f"decision {k}: {amount} euros" for k, amount in enumerate(amounts)])
    place = int(random.integers(1, 4))
    edited = [
        entry | {"text": "approved"} if k == place else entry for k, entry in enumerate(chain)
    ]
    removed = chain[:place] + chain[place + 1 :]
    sealed = compute_hash(chain[2]["previous"], "approved")
    resealed = [
        entry | {"text": "approved", "hash": sealed} if k == 2 else entry
        for k, entry in enumerate(chain)
    ]
    return [
        Probe((chain,), "an honest record"),
        Probe((edited,), "one text was changed"),
        Probe((removed,), "one entry was removed"),
        Probe((chain[1:],), "the first entry was removed"),
        Probe((resealed,), "one entry was changed, with its hash"),
    ]


def find(entries, links=True, hashes=True, first=True):
    for place, entry in enumerate(entries):
        before = entries[place - 1]["hash"] if place else ""
        is_linked = entry["previous"] == before or not links or (not place and not first)
        is_sealed = entry["hash"] == compute_hash(entry["previous"], entry["text"]) or not hashes
        if not (is_linked and is_sealed):
            return place
    return None


def answer(entries):
    return find(entries)


MISCONCEPTIONS = (
    Misconception(
        "trusts_the_hashes",
        "You compare stored hashes with each other and never compute one. A changed text "
        "is not noticed.",
        lambda entries: find(entries, hashes=False),
    ),
    Misconception(
        "not_linked",
        "Each entry fits its own hash, but you do not compare it with the entry before. A"
        " removed entry is not noticed.",
        lambda entries: find(entries, links=False),
    ),
    Misconception(
        "first_not_checked",
        "The first entry must have the empty text before it. If you do not check this, "
        "the removal of the first entries is not noticed.",
        lambda entries: find(entries, first=False),
    ),
    Misconception(
        "only_yes_or_no",
        "The chain is broken, but where? Return the position of the first entry that does not fit.",
        lambda entries: find(entries) is not None,
    ),
)
