import bisect


def find_champion(events, moment):
    place = bisect.bisect_right([ts for ts, _ in events], moment)
    return events[min(place, len(events) - 1)][1]
