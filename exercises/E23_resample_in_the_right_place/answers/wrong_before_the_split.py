def prepare(table, split, oversample):
    balanced = oversample(table)
    train, test = split(balanced)
    return train, test
