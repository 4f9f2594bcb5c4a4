def count_seven_days(ts, moment):
    return sum(1 for one in ts if moment - 7 * 86_400 <= one <= moment)
