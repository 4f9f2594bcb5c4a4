"""Each person has settings and saved views at the review desk."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Create the table; no settings were kept before."""
    keys = [sa.Column(name, sa.String(200), primary_key=True) for name in ("actor", "name")]
    op.create_table("preferences", *keys, sa.Column("value", sa.Text, nullable=False))
