"""The graph of notebooks, and the runner that executes it."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "airflow": ("run_airflow",),
        "cache": ("get_rerun_reason",),
        "command": ("RUN_EXAMPLES", "add_run_arguments", "run_command"),
        "figure": ("plot_pipeline",),
        "graph": (
            "GRAPH",
            "Node",
            "PROFILES",
            "SOURCES",
            "make_unknown_name_error",
            "select_nodes",
            "sort_nodes",
        ),
        "notebook_filter": ("install_filter", "refresh_index"),
        "notebooks": ("get_notebook_path", "inspect_parameters"),
        "locks": ("lock_workspace", "set_workspace_environment"),
        "options": ("check_as_of", "resolve_parameters"),
        "runner": ("describe_failures", "run_notebooks"),
    },
)
