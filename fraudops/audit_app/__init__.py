"""The review page in Voila, and its login."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "auth.proxy": ("load_proxy",),
        "auth.users_cli": ("print_first_admin", "run_users_command"),
        "page": ("AuditPage", "open_page", "show_ready_marker"),
        "templates": ("load_template",),
    },
)
