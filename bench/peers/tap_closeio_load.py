"""Loads the leads of an organization, with their contacts and opportunities, by tap-closeio and target-postgres.

The two depend on different versions of the same packages: PEER_TARGET_PYTHON is the Python that has the target.
"""

import contextlib
import os
import subprocess
from pathlib import Path

import tap_closeio
from singer import metadata
from singer.catalog import Catalog, CatalogEntry, Schema
from tap_closeio import http, schemas
from tap_closeio.context import Context

LEADS = schemas.IDS.LEADS

# The tap has no setting for it.
http.BASE_URL = os.environ["PEER_CLOSE_URL"]


def context():
    """What the tap makes of its arguments: the stream of leads is selected, and nothing was read before."""
    ctx = Context({"api_key": os.environ["PEER_API_KEY"], "start_date": "2000-01-01T00:00:00Z"}, {})
    leads = CatalogEntry(
        stream=LEADS,
        tap_stream_id=LEADS,
        key_properties=schemas.PK_FIELDS[LEADS],
        schema=Schema.from_dict(schemas.load_schema(ctx, LEADS)),
        metadata=metadata.to_list(metadata.write({}, (), "selected", True)),
    )
    ctx.catalog = Catalog([leads])
    return ctx


def main():
    target = subprocess.Popen(
        [os.environ["PEER_TARGET_PYTHON"], Path(__file__).with_name("target_postgres_load.py")],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    if target.stdout.readline() != "ready\n":
        raise SystemExit("the target does not start")
    ctx = context()
    print("reading", flush=True)
    with contextlib.redirect_stdout(target.stdin):
        tap_closeio.sync(ctx)
    target.stdin.close()
    if target.wait() != 0:
        raise SystemExit("the target failed")
    print("loaded", flush=True)


main()
