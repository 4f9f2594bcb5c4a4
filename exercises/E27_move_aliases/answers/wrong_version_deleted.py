def promote(aliases, versions, new):
    if new not in versions:
        raise ValueError(new)
    old = aliases.get("champion")
    if old:
        aliases["previous"] = old
        versions.remove(old)
    aliases["champion"] = new
    return aliases, versions
