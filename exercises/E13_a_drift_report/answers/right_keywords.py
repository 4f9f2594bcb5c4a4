def report_drift(run, table, live):
    old, new = table.query(f"ts < {live}"), table.query(f"ts >= {live}")
    ids = ["tx_id", "ts"]
    return run(reference=old.drop(columns=ids), current=new.drop(columns=ids))
