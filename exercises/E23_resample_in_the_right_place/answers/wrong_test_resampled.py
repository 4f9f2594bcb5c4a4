def prepare(table, split, oversample):
    return tuple(oversample(part) for part in split(table))
