"""The review queue, what people decide, and how well model and reviewers perform."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "case": ("CUSTOMER_HISTORY_DAYS", "Case", "TERMINAL_HISTORY_DAYS", "load_case"),
        "events": (
            "ModelEventReader",
            "build_event_marks",
            "get_change_token",
            "load_drift_alerts",
            "load_version_starts",
            "summarize_model_versions",
        ),
        "listing": (
            "MAX_COUNTED_ROWS",
            "PREDICTION_LISTS",
            "PredictionFilter",
            "get_latest_scored_day",
            "load_filter_choices",
            "load_prediction_page",
        ),
        "model_card": ("render_model_card",),
        "performance": (
            "assign_amount_bands",
            "tabulate_segments",
            "bootstrap_performance",
            "compute_performance",
            "compute_performance_by_compromise",
            "compute_performance_by_day",
            "compute_performance_by_segment",
        ),
        "evaluation_period": (
            "PERIOD_CHOICES_DAYS",
            "count_predictions_by_day",
            "get_evaluation_period",
            "load_champion_policy",
            "load_flagged_and_frauds",
            "require_predictions",
            "is_on_mature_day",
        ),
        "policy": (
            "DUE_SECONDS",
            "MIN_NOTE_CHARACTERS",
            "PRIORITY_FORMULA",
            "REASON_CODES",
            "SECOND_REVIEW_CENTS",
            "is_override",
            "needs_second_review",
        ),
        "queue": ("DecisionOutcome", "ReviewQueue"),
        "reviewer_statistics": (
            "MAX_RECENT_DECISIONS",
            "Proportion",
            "ReviewStatistics",
            "SAMPLE_DESCRIPTION",
            "compute_review_statistics",
            "load_decisions",
        ),
        "rollback_requests": (
            "answer_rollback",
            "find_open_rollback_request",
            "request_rollback",
            "withdraw_rollback",
        ),
        "simulated_team": ("SimulatedTeam",),
        "simulated_reviewer": ("SimulatedReviewer", "compute_cost_with_review_errors"),
        "staffing": ("CASE_ORDERS", "ReviewTeam"),
        "what_if": (
            "find_counterfactual_changes",
            "load_decision_policy",
            "load_baseline_inputs",
            "load_prediction_inputs",
        ),
    },
)
