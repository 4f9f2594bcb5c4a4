"""Data quality, drift statistics and their limits, verdicts, and alerts."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "alerts": ("make_alerts", "publish_alerts"),
        "daily_statistics": (
            "DOMAIN_WINDOW_DAYS",
            "ReferenceDistribution",
            "SCORE_COLUMN",
            "compute_daily_statistics",
        ),
        "data_quality": (
            "DataProfile",
            "check_quality",
            "check_quality_by_day",
            "hold_broken_days",
            "is_data_broken",
            "reference_window",
        ),
        "detector_benchmark": (
            "DATA_FAULT_KINDS",
            "MONITOR_NAME",
            "MeasuredWorld",
            "make_canonical_tables",
            "measure_world",
            "plan_world_timeline",
            "run_detectors",
            "score_detectors",
            "summarize_detector_scores",
        ),
        "detectors": ("compute_evidently_distances", "draw_sample"),
        "evidently_report": ("run_evidently_report",),
        "limits": (
            "FALSE_ALARM_BUDGET",
            "LIMITS_FILE",
            "SEASONAL_STATISTICS",
            "adapt_limits",
            "find_moved_statistics",
            "tabulate_z_scores",
        ),
        "monitor": ("DriftMonitor", "make_feature_reader", "make_frame_reader"),
        "prometheus": ("serve_monitor_metrics", "write_monitor_metrics"),
        "retraining": ("RetrainPolicy", "should_retrain"),
        "standardization": ("standardize_statistics",),
        "verdict": ("Verdict", "VerdictFile", "find_alarm_starts", "make_verdict", "make_verdicts"),
    },
)
