def count_reports(reports, moment):
    age = moment - reports["label_ts"]
    return len(reports[age.ge(60) & age.le(2_592_000)])
