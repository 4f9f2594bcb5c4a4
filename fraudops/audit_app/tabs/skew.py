"""The daily comparison of online and offline features on the dashboard."""

from fraudops import monitoring
from fraudops.audit_app import templates
from fraudops.workspace import Workspace


def render_skew(workspace: Workspace) -> str:
    """Render what the latest comparison found.

    Parameters
    ----------
    workspace : Workspace

    Returns
    -------
    str
        HTML.
    """
    report = monitoring.SkewReport.load_latest(workspace)
    rows = [] if report is None else [(name, report.features[name]) for name in report.differing]
    return templates.load_template("audit_skew.html.j2").render(report=report, rows=rows)
