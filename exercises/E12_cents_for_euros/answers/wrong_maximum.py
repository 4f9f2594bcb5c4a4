def find_terminals_in_cents(reference, today):
    usual = reference.groupby("terminal_id")["amount"].max()
    now = today.groupby("terminal_id")["amount"].max()
    return sorted(now[now / usual >= 10].index)
