def count_reports(reports, moment):
    known = reports[reports["fraud_ts"] <= moment - 60]
    return int((known["fraud_ts"] >= moment - 30 * 86_400).sum())
