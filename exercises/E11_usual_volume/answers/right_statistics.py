import statistics


def get_usual_volume(history, weekday):
    rows = zip(history["weekday"], history["transactions"], strict=True)
    return statistics.median([volume for day, volume in rows if day == weekday])
