"""Thirty days of operation under several policies, compared."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "policies": ("OperatingPolicy",),
        "backtest_data": (
            "BacktestData",
            "BacktestSettings",
            "PolicyState",
            "compute_baseline_costs",
            "iterate_day_starts",
        ),
        "report": ("POLICY_STYLES", "render_svg", "summarize_policies", "write_backtest_report"),
        "scoring": ("load_true_onset", "score_backtest"),
        "team": ("DayWishes", "learn_price"),
        "runner": ("InMemoryModelStore", "MODEL_POLICIES", "run_backtest"),
    },
)
