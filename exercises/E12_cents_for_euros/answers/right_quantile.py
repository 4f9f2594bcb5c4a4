def find_terminals_in_cents(reference, today):
    middle = reference.groupby("terminal_id").amount.quantile(0.5)
    now = today.groupby("terminal_id").amount.quantile(0.5)
    return now.index[now.ge(10 * middle)].tolist()
