def get_usual_volume(history, weekday):
    return history.query(f"weekday == {weekday}")["transactions"].sort_values().iloc[-1]
