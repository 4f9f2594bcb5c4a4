def find_break(entries):
    previous = ""
    for place, entry in enumerate(entries):
        if entry["previous"] != previous:
            return place
        previous = entry["hash"]
    return None
