def compute_share_arrived(tx, now, days, complete_days):
    arrived, all_reports = 0, 0
    for row in tx.itertuples():
        if row.label_ts != row.label_ts or now - row.ts < complete_days * 86_400:
            continue
        all_reports += 1
        arrived += row.label_ts - row.ts <= days * 86_400
    return arrived / all_reports
