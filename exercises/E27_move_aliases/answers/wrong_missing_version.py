def promote(aliases, versions, new):
    if "champion" in aliases:
        aliases["previous"] = aliases["champion"]
    aliases["champion"] = new
    return aliases, versions
