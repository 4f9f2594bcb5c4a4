def find_terminals_in_cents(reference, today):
    ratio = today["amount"].quantile(0.5) / reference["amount"].quantile(0.5)
    return sorted(set(today["terminal_id"])) if ratio >= 10 else []
