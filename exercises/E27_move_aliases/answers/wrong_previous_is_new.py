def promote(aliases, versions, new):
    if new not in versions:
        raise ValueError(new)
    aliases.update(champion=new)
    aliases.update(previous=aliases["champion"])
    return aliases, versions
