"""Loads leads, contacts and opportunities of an organization into Postgres with dlt's rest_api source.

`endpoints` reads each type from its own endpoint, `embedded` takes contacts and opportunities from their leads.
"""

import os
import sys

import dlt
from dlt.sources.rest_api import rest_api_source

EMBEDDED = ("contacts", "opportunities")


def resource(name, **more):
    return {"name": name, "endpoint": {"path": f"{name}/", "data_selector": "data"}, **more}


def without_embedded(lead):
    return {key: value for key, value in lead.items() if key not in EMBEDDED}


RESOURCES = {
    "endpoints": [
        # What the other endpoints give is not loaded a second time.
        resource("lead", processing_steps=[{"map": without_embedded}]),
        resource("contact"),
        resource("opportunity"),
    ],
    "embedded": [resource("lead")],
}


def source(resources):
    paginator = {
        "type": "offset",
        "limit": 200,  # the most that Close gives
        "offset_param": "_skip",
        "limit_param": "_limit",
        "total_path": None,
        "has_more_path": "has_more",
    }
    config = {
        "client": {
            "base_url": os.environ["PEER_CLOSE_URL"],
            "auth": {"type": "http_basic", "username": os.environ["PEER_API_KEY"], "password": ""},
            "paginator": paginator,
        },
        "resource_defaults": {"primary_key": "id", "write_disposition": "merge"},
        "resources": resources,
    }
    return rest_api_source(config, name="close")


def main():
    dlt.config["runtime.dlthub_telemetry"] = False
    pipeline = dlt.pipeline(
        "close",
        pipelines_dir=os.path.join(os.getcwd(), "pipelines"),
        destination=dlt.destinations.postgres(os.environ["PEER_POSTGRES_URL"]),
        dataset_name="close",
    )
    close = source(RESOURCES[sys.argv[1]])
    print("reading", flush=True)
    pipeline.run(close).raise_on_failed_jobs()
    print("loaded", flush=True)


main()
