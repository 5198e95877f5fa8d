"""Run by Alembic: on the connection that ``database.migrate`` hands over, or for writing a new step by hand."""

from alembic import context
from sqlalchemy import MetaData

from ppm_pipelines import database, tables


def include(name: str | None, kind: str, _: object) -> bool:
    return name == tables.SCHEMA if kind == "schema" else True


def run(connection: object, metadata: MetaData) -> None:
    context.configure(
        connection=connection,  # type: ignore[arg-type]
        target_metadata=metadata,
        include_schemas=True,
        include_name=include,
        version_table_schema=tables.SCHEMA,
    )
    with context.begin_transaction():
        context.run_migrations()


given = context.config.attributes.get("connection")
if given is not None:
    run(given, tables.metadata)
else:
    with database.engine().connect() as own:
        own.exec_driver_sql("create schema if not exists ppm")
        own.commit()
        run(own, tables.metadata)
        own.commit()
