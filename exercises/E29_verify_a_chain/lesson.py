# ---
# title: Verify a hash chain
# level: 2
# minutes: 20
# notebook: 5_2_tamper_lab
# section: Change, remove, swap, insert
# function: find_break
# ---
# %% [markdown]
# Each entry of the record holds its text, the hash of the entry before it, and its own hash.
# The own hash is the SHA-256 of `previous + text`. So an entry that is changed, removed or
# inserted does not fit any more, unless all later entries are computed again.
#
# Write `find_break(entries)`. `entries` is a list of dictionaries with the keys `text`,
# `previous` and `hash`. The first entry has `previous` equal to the empty text. Return the
# position of the first entry that does not fit, or `None` if the whole chain holds.
# %%
import hashlib


def compute_hash(previous: str, text: str) -> str:
    return hashlib.sha256((previous + text).encode()).hexdigest()


# %% tags=["starter"]
def find_break(entries: list[dict]) -> int | None:
    for place, entry in enumerate(entries[1:], 1):
        if entry["previous"] != entries[place - 1]["hash"]:
            return place
    return None


# %% tags=["solution"]
def find_break(entries: list[dict]) -> int | None:
    previous = ""
    for place, entry in enumerate(entries):
        if entry["previous"] != previous:
            return place
        if entry["hash"] != compute_hash(previous, entry["text"]):
            return place
        previous = entry["hash"]
    return None


# %% [markdown] tags=["hint"]
# A forger changes the text of one entry and nothing else. What does the starter see?
# %% [markdown] tags=["hint"]
# Two things must hold for each entry: the link to the entry before it, and its own hash.
# %% [markdown] tags=["hint"]
# Begin with `previous = ""`. For each entry compare `entry["previous"]` with it, compute the
# hash again, and then set `previous = entry["hash"]`.
