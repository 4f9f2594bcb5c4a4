def count_reports(reports, moment):
    arrived = reports["label_ts"] <= moment - 60
    recent = reports["fraud_ts"] >= moment - 30 * 86_400
    return int((arrived & recent).sum())
