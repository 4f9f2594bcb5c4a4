def count_reports(reports, moment):
    return int(reports["label_ts"].between(moment - 30 * 86_400, moment).sum())
