def count_seven_days(ts, moment):
    return len([one for one in ts if moment - one >= 60])
