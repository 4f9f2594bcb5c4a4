"""What is measured, against whom: `make bench` runs everything and prints figure, target, met or
missed.
"""

import resource
import sys
from pathlib import Path


def verdict(met: bool) -> str:
    """The word at the end of a line."""
    return "met" if met else "MISSED"


def peak_gb() -> float:
    """Peak memory of this process. On Linux `getrusage` would count what its parent held when it
    was started.
    """
    status = Path("/proc/self/status")
    if status.exists():
        return (
            next(
                int(line.split()[1])
                for line in status.read_text().splitlines()
                if line.startswith("VmHWM")
            )
            / 1e6
        )
    return (
        resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        * (1 if sys.platform == "darwin" else 1024)
        / 1e9
    )
