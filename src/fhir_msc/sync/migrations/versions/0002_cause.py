"""Why a resource is desired as it is: source, pack, config, engine."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None


def upgrade() -> None:
    op.add_column("resource", sa.Column("cause", sa.String(), nullable=True))
