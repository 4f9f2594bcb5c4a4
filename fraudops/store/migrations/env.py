"""Where alembic runs the migrations: in the transaction of `migrations.migrate`."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
with context.begin_transaction():
    context.run_migrations()
