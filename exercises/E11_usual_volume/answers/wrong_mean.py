def get_usual_volume(history, weekday):
    return history.groupby("weekday")["transactions"].mean()[weekday]
