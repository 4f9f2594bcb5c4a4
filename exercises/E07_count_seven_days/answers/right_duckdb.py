import duckdb
import pandas as pd


def count_seven_days(ts, moment):
    times = pd.DataFrame({"ts": ts})
    query = "SELECT COUNT(*) FROM times WHERE ts BETWEEN ? AND ?"
    with duckdb.connect() as db:
        db.register("times", times)
        return db.execute(query, [moment - 604_800, moment - 60]).fetchone()[0]
