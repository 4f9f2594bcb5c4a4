"""The ledger gets event, actor and at as columns with indexes; the database derives them from the
body.
"""

import sqlalchemy as sa
from alembic import op

from fraudops.store.json_column import derived_column

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the columns and their indexes; no stored value changes."""
    for name, kind in (("event", sa.String(200)), ("actor", sa.String(200)), ("at", sa.Float())):
        op.add_column("ledger", derived_column(name, kind))
        op.create_index(f"ledger_{name}", "ledger", [name, "seq"])
