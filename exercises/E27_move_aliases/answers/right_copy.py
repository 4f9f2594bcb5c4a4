def promote(aliases, versions, new):
    if versions.count(new) == 0:
        raise ValueError(new)
    moved = {"champion": new}
    if aliases.get("champion"):
        moved["previous"] = aliases["champion"]
    return moved, list(versions)
