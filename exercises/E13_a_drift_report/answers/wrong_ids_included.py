def report_drift(run, table, live):
    return run(table[table["ts"] >= live], table[table["ts"] < live])
