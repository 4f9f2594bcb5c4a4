def find_skewed_columns(offline, online):
    found = []
    for name in offline.columns.drop("tx_id"):
        left, right = offline[name].tolist(), online[name].tolist()
        if any(a != b and not (a != a and b != b) for a, b in zip(left, right, strict=True)):
            found.append(name)
    return sorted(found)
