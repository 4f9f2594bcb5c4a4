"""Check of E14: many tests share one budget of false alarms."""

from fraudops.exercises import Misconception, Probe


def make_probes(random):
    many = {f"column {k:02d}": 0.06 + 0.02 * k for k in range(36)}
    tiny = float(random.uniform(1e-6, 1e-4))
    names = [f"signal {k}" for k in random.permutation(9)[:3]]
    near = float(random.uniform(0.02, 0.04))
    several = dict(zip(names, [0.001, 0.002, 0.003], strict=True))
    return [
        Probe((many | {names[0]: near}, 0.05), "a quiet day"),
        Probe((many | {names[0]: tiny}, 0.05), "a large change"),
        Probe((many | {names[0]: tiny, names[1]: tiny * 2}, 0.05), "two large changes"),
        Probe((many | several, 0.05), "three small changes"),
    ]


def below(p_values, limit):
    return sorted(name for name, p in p_values.items() if p < limit)


def answer(p_values, budget):
    return below(p_values, budget / len(p_values))


def control_discovery_rate(p_values, budget):
    ordered = sorted(p_values.values())
    fits = [p for k, p in enumerate(ordered, 1) if p <= budget * k / len(ordered)]
    return below(p_values, max(fits, default=0) + 1e-15)


def only_the_smallest(p_values, budget):
    name = min(p_values, key=p_values.get)
    return [name] if p_values[name] < budget / len(p_values) else []


MISCONCEPTIONS = (
    Misconception(
        "budget_for_each",
        "Each column got the whole budget. With 37 columns a quiet day has an alarm six "
        "times in seven.",
        below,
    ),
    Misconception(
        "discovery_rate",
        "Benjamini and Hochberg control the share of false ones among the alarms. The "
        "budget here is about any false alarm on a quiet day, which is stricter.",
        control_discovery_rate,
    ),
    Misconception(
        "only_the_smallest",
        "Every column below its limit is in alarm, not only the one that moved most.",
        only_the_smallest,
    ),
)
