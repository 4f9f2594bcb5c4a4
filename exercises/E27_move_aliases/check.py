"""Check of E27: the champion moves, the way back stays, and no version is deleted."""

from fraudops.exercises import Misconception, Probe


def observe(function, aliases, versions, new):
    after, kept = function(aliases, versions, new)
    return {"aliases": dict(after), "versions": sorted(kept)}


def make_probes(random):
    old, first, new = sorted(str(one) for one in random.choice(range(10, 99), 3, replace=False))
    versions = [old, first, new]
    return [
        Probe(({}, [old], old), "the first promotion", observe),
        Probe(({"champion": first}, versions, new), "the second promotion", observe),
        Probe(({"champion": first, "previous": old}, versions, new), "a later one", observe),
        Probe(({"champion": first}, versions, "100"), "a version that is not there", observe),
    ]


def move(aliases, versions, new, get_previous=lambda aliases, new: aliases.get("champion")):
    if new not in versions:
        raise ValueError
    previous = get_previous(aliases, new)
    moved = aliases | ({"previous": previous} if previous else {})
    return moved | {"champion": new}, versions


def answer(aliases, versions, new):
    return move(aliases, versions, new)


def delete_the_old(aliases, versions, new):
    moved, versions = move(aliases, versions, new)
    return moved, [one for one in versions if one != aliases.get("champion") or one == new]


def trust_the_name(aliases, versions, new):
    return move(aliases, [*versions, new], new)[0], versions


MISCONCEPTIONS = (
    Misconception(
        "previous_forgotten",
        "The alias `previous` does not move. After a bad promotion there is no way back, "
        "or it leads too far back.",
        lambda aliases, versions, new: move(aliases, versions, new, lambda *_: None),
    ),
    Misconception(
        "previous_is_new",
        "Both aliases name the new version: the champion was overwritten before it was remembered.",
        lambda aliases, versions, new: move(aliases, versions, new, lambda aliases, new: new),
    ),
    Misconception(
        "version_deleted",
        "The old version is deleted. You cannot go back to it, and you cannot show which "
        "model decided.",
        delete_the_old,
    ),
    Misconception(
        "missing_version",
        "An alias now names a version that does not exist. The service would not start again.",
        trust_the_name,
    ),
)
