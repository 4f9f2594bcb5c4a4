import bisect


def find_champion(events, moment):
    place = bisect.bisect_right([ts for ts, _ in events], moment)
    return events[place - 1][1] if place else None
