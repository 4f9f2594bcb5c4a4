def prepare(table, split, oversample):
    return [step(part) for step, part in zip((oversample, lambda x: x), split(table), strict=True)]
