import hashlib


def find_break(entries):
    previous = entries[0]["previous"]
    for place, entry in enumerate(entries):
        own = hashlib.sha256((previous + entry["text"]).encode()).hexdigest()
        if entry["previous"] != previous or entry["hash"] != own:
            return place
        previous = own
    return None
