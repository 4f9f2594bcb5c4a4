def report_drift(run, table, live):
    compared = table.drop(columns=["tx_id", "ts"])
    return run(compared[table["ts"] >= live], compared)
