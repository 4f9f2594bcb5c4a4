def find_champion(events, moment):
    champion = None
    for ts, version in events:
        if ts < moment:
            champion = version
    return champion
