"""`python -m benchmarks [name ...]`: run the named benchmarks, or all."""

import sys
from collections.abc import Callable

from benchmarks import (
    audit,
    calibrate,
    chain,
    decision,
    difficulty,
    drift,
    features,
    gates,
    handbook,
    retraining,
    service,
    simulator,
    story,
    tampering,
)

ALL: dict[str, Callable[[], None]] = {
    "calibrate": calibrate.main,
    "simulator": simulator.main,
    "features": features.main,
    "handbook": handbook.main,
    "decision": decision.main,
    "difficulty": difficulty.main,
    "drift": drift.main,
    "service": service.main,
    "gates": gates.main,
    "retraining": retraining.main,
    "story": story.main,
    "audit": audit.main,
    "tampering": tampering.main,
    "chain": chain.main,
}


def main(names: list[str]) -> int:
    """Run the benchmarks in order; 2 for a name that is none."""
    unknown = [name for name in names if name not in ALL]
    if unknown:
        print(
            f"There is no benchmark {', '.join(unknown)}: choose from {', '.join(ALL)}.",
            file=sys.stderr,
        )
        return 2
    for name in names or ALL:
        print(f"== {name}", flush=True)
        ALL[name]()
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
