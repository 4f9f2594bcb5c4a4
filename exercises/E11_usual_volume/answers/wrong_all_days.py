def get_usual_volume(history, weekday):
    return history["transactions"].quantile(0.5)
