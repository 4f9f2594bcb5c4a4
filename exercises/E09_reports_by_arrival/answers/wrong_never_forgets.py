def count_reports(reports, moment):
    return int((reports["label_ts"] <= moment - 60).sum())
