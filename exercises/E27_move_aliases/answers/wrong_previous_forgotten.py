def promote(aliases, versions, new):
    if new not in versions:
        raise ValueError(new)
    return {**aliases, "champion": new}, versions
