"""The seeded simulator of card transactions, with its answer key."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "config": (
            "DEFAULT_DRIFTS",
            "DRIFT_KINDS",
            "PlantedDrift",
            "SimulatorConfig",
            "WARM_UP_DAYS",
            "make_course_config",
        ),
        "rng": ("CounterRng",),
        "world": ("World", "find_true_compromises", "simulate_world"),
    },
)
