"""Data quality, drift statistics and their limits, verdicts, and alerts."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "alert_log": ("ALERT_OUTCOMES", "AlertLog"),
        "daily_statistics": (
            "DOMAIN_WINDOW_DAYS",
            "ReferenceDistribution",
            "SCORE_COLUMN",
            "compute_daily_statistics",
        ),
        "data_quality": ("DataProfile", "hold_broken_days", "is_data_broken", "reference_window"),
        "detector_benchmark": (
            "MONITOR_NAME",
            "MeasuredWorld",
            "make_canonical_tables",
            "plan_world_timeline",
            "score_detectors",
        ),
        "detectors": ("compute_evidently_distances", "draw_sample"),
        "evidently_report": ("run_evidently_report",),
        "limits": ("DriftStatistics", "FALSE_ALARM_BUDGET", "LIMITS_FILE", "SEASONAL_STATISTICS"),
        "monitor": ("DriftMonitor",),
        "prometheus": ("serve_monitor_metrics", "write_monitor_metrics"),
        "retraining": ("RetrainPolicy",),
        "skew_report": ("FeatureSkew", "SKEW_ALERT_PREFIX", "SkewReport"),
        "standardization": ("standardize_statistics",),
        "verdict": ("Verdict", "VerdictFile", "make_verdict", "make_verdicts"),
    },
)
