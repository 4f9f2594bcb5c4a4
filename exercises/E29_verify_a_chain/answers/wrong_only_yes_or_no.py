import hashlib


def find_break(entries):
    previous = ""
    for entry in entries:
        own = hashlib.sha256((previous + entry["text"]).encode()).hexdigest()
        if entry["previous"] != previous or entry["hash"] != own:
            return True
        previous = own
    return False
