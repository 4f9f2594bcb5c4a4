def find_champion(events, moment):
    champion = events[0][1]
    for ts, version in events:
        if moment >= ts:
            champion = version
    return champion
