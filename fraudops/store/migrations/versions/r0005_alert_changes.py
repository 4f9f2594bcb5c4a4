"""Alerts are acknowledged and closed, by whom, when and why."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Create the table; all earlier alerts are open."""
    op.create_table(
        "alert_changes",
        sa.Column("alert_id", sa.String(200), primary_key=True),
        sa.Column("state", sa.String(200), primary_key=True),
        sa.Column("outcome", sa.String(200), nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("actor", sa.String(200), nullable=False),
        sa.Column("changed_at", sa.Float, nullable=False),
    )
