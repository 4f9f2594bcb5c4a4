def find_terminals_in_cents(reference, today):
    usual = reference.groupby("terminal_id")["amount"].mean()
    now = today.groupby("terminal_id")["amount"].mean()
    return list(now[now >= 10 * usual].index)
