import hashlib


def find_break(entries):
    hashes = ["", *(entry["hash"] for entry in entries)]
    bad = (
        k
        for k, entry in enumerate(entries)
        if entry["previous"] != hashes[k]
        or hashlib.sha256((hashes[k] + entry["text"]).encode("utf-8")).hexdigest() != entry["hash"]
    )
    return next(bad, None)
