import pandas as pd


def work_through(days, capacity):
    rows = [case | {"arrived": day} for day, cases in enumerate(days) for case in cases]
    cases = pd.DataFrame(rows, columns=["case_id", "saving", "due", "arrived"])
    done, result = set(), []
    for today in range(len(days)):
        is_open = cases["arrived"].le(today) & cases["due"].ge(today)
        is_open &= ~cases["case_id"].isin(done)
        chosen = cases[is_open].nlargest(capacity, "saving")["case_id"].tolist()
        done.update(chosen)
        result.append(chosen)
    return result
