def promote(aliases, versions, new):
    versions_by_name = {one: one for one in versions}
    if new not in versions_by_name:
        raise ValueError("unknown version")
    old = aliases.pop("champion", None)
    if old is not None:
        aliases["previous"] = old
    aliases["champion"] = new
    return aliases, versions
