"""Point-in-time features: one SQL text, computed offline and online."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "definitions": (
            "CATEGORICAL_FEATURES",
            "CATEGORICAL_MEANINGS",
            "CUSTOMER_HISTORY_SECONDS",
            "FEATURES",
            "FEATURE_DEFINITIONS",
            "FEATURE_SQL",
            "GIVEN_PREFIX",
            "NUMERIC_FEATURES",
            "TERMINAL_HISTORY_SECONDS",
            "WINDOW_GAP_SECONDS",
            "list_given_features",
            "list_model_inputs",
        ),
        "offline": ("compute_features", "compute_sums_duckdb", "load_features", "write_features"),
        "online": ("LateEvents", "compute_online_sums", "compute_sums_sql", "to_column_arrays"),
        "sql_plan": ("get_window_engine",),
        "transform": ("build_feature_frame", "compute_feature_matrix"),
    },
)
