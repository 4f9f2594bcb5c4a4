"""The operational database: tables, connections, queries, and the rule which label counts."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "database": ("connect", "read_transaction", "read_undisturbed", "write_transaction"),
        "operations": ("begin_operation", "copy_database", "lock_database"),
        "rows": (
            "insert_new",
            "read_frame",
            "split_keys",
            "stream_rows",
            "to_label_rows",
            "to_transaction_rows",
        ),
        "case_rules": (
            "SAMPLE_SHARE",
            "WAITING_STATES",
            "get_sample_id_bound",
            "make_case",
            "needs_case",
        ),
        "deployment": ("read_deployment", "set_deployment"),
        "label_rules": (
            "effective_label_sql",
            "load_counting_labels",
            "mature_before",
            "load_predictions_with_labels",
            "load_reviewer_labels",
        ),
        "queries": (
            "PREDICTION_FILTERS",
            "count_stored_rows",
            "get_latest_ts",
            "list_predictions",
            "load_recent_scores",
            "load_transaction_entities",
        ),
        "schema": (
            "METADATA",
            "alert_changes",
            "alerts",
            "cases",
            "controls",
            "days",
            "decisions",
            "deliveries",
            "drafts",
            "evidence",
            "failed_deliveries",
            "labels",
            "ledger",
            "predictions",
            "requests",
            "sealed",
            "shadow",
            "skips",
            "transactions",
            "users",
        ),
    },
)
