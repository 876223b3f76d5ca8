"""Writes the records on standard input into Postgres with target-postgres; says `ready` before it reads."""

import os
import sys

from target_postgres.target import TargetPostgres


def main():
    driver = os.environ["PEER_POSTGRES_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    target = TargetPostgres(
        config={
            "sqlalchemy_url": driver,
            "default_target_schema": "close",
            # Off unless asked for; the faster way.
            "use_copy": True,
            # One description has a NUL character.
            "sanitize_null_text_characters": True,
        }
    )
    print("ready", flush=True)
    # The states that follow are of no use here.
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    target.listen()


main()
