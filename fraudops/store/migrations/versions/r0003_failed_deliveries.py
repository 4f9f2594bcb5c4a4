"""Alerts that the webhook refused get a table of their own."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Create the table."""
    op.create_table(
        "failed_deliveries",
        sa.Column("alert_id", sa.String(200), primary_key=True),
        sa.Column("tries", sa.Integer, nullable=False),
        sa.Column("last_error", sa.String(200), nullable=False),
        sa.Column("failed_at", sa.Float, nullable=False),
        sa.Column("given_up", sa.Integer, nullable=False),
    )
