"""What is measured, against whom: `make bench` runs everything and prints figure, target, met or missed."""


def verdict(met: bool) -> str:
    """The word at the end of a line."""
    return "met" if met else "MISSED"
