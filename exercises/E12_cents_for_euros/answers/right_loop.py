import statistics


def find_terminals_in_cents(reference, today):
    found = []
    for terminal in sorted(set(today["terminal_id"])):
        before = reference.loc[reference["terminal_id"] == terminal, "amount"]
        now = today.loc[today["terminal_id"] == terminal, "amount"]
        if statistics.median(now) >= 10 * statistics.median(before):
            found.append(terminal)
    return found
