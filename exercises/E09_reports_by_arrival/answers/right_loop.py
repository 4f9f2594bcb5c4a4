def count_reports(reports, moment):
    number = 0
    for arrived in reports["label_ts"]:
        age = moment - arrived
        if 60 <= age <= 30 * 86_400:
            number += 1
    return number
