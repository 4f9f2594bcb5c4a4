def report_drift(run, table, live):
    is_live = table["ts"] >= live
    compared = table[["amount", "channel"]]
    return run(compared[is_live], compared[~is_live])
