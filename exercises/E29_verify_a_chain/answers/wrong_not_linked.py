import hashlib


def find_break(entries):
    for place, entry in enumerate(entries):
        own = hashlib.sha256((entry["previous"] + entry["text"]).encode()).hexdigest()
        if own != entry["hash"]:
            return place
    return None
