def prepare(table, split, oversample):
    train, test = split(table)
    oversample(train)
    return train, test
