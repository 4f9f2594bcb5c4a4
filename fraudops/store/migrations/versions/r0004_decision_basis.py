"""A prediction keeps on what its decision rests: expected loss, reason and policy."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Add the column; earlier predictions have none."""
    op.add_column("evidence", sa.Column("decision_basis", sa.Text))
