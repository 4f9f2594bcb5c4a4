def find_skewed_columns(offline, online):
    both = offline.merge(online, on="tx_id", suffixes=("_offline", "_online"))
    found = []
    for name in offline.columns:
        if name == "tx_id":
            continue
        left, right = both[f"{name}_offline"], both[f"{name}_online"]
        if not (left.eq(right) | (left.isna() & right.isna())).all():
            found.append(name)
    return sorted(found)
