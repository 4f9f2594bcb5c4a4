def prepare(table, split, oversample):
    parts = split(table)
    balanced = oversample(parts[0])
    return balanced, parts[1]
