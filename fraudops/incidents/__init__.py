"""Incidents: the pager week, and the incident labs."""

from fraudops._lazy import lazy_exports

__getattr__, __dir__, __all__ = lazy_exports(
    __name__,
    {
        "schedule": ("CAUSES", "PAGER_DAYS", "draw_schedule"),
        "pager_world": ("PagerWorld",),
        "game": ("PagerGame",),
        "players": ("PLAYERS", "play"),
        "score": ("Score", "count_cost", "score_game"),
        "event_log": ("EventLog",),
        "replay": ("PagerSession", "finish_game", "rank_games", "replay_log"),
        "pager_widgets": ("show_pager",),
        "pager_command": ("run_pager_command",),
        "labs.lab_check": ("LabResult", "check_lab"),
        "labs.lab_folder": ("LabFolder",),
        "labs.catalog": ("LABS", "find_lab"),
        "labs.lab_command": ("run_incidents_command",),
    },
)
