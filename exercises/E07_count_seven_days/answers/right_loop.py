def count_seven_days(ts, moment):
    number = 0
    for one in ts:
        if moment - 7 * 86_400 <= one <= moment - 60:
            number += 1
    return number
