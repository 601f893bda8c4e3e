"""Hand the deployments to a Prefect server that has workers."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import flows  # sets Prefect up, so it comes before prefect
from flows import automations, server
from flows.deployments import FILE, pool_of, read, served, work_pools

__all__ = ["deploy", "flows"]


def deploy(file: Path | None, *, say: Callable[[str], None]) -> None:
    """Make the rules of the server, the work pools and the deployments.

    Raises:
        ServerError: No server answers.
        InputError: The file is wrong.
    """
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.actions import WorkPoolCreate
    from prefect.exceptions import ObjectAlreadyExists
    from prefect.settings import PREFECT_API_URL, temporary_settings

    path = file or FILE
    pools = work_pools(read(path))
    url = server.api_url()
    if not server.healthy(url):
        raise server.ServerError(
            f"no Prefect server answers at {url}; start one with `prefect server start`, name "
            "another by PREFECT_API_URL, or use `python -m flows serve`, which needs none"
        )
    with temporary_settings({PREFECT_API_URL: url}):
        for rule in automations.ensure():
            say(f"rule of the server: {rule}")
        with get_client(sync_client=True) as client:
            for pool in pools:
                try:
                    client.create_work_pool(WorkPoolCreate(name=pool, type="process"))
                    say(f"made the work pool {pool}")
                except ObjectAlreadyExists:
                    say(f"found the work pool {pool}")
        # Not by `prefect deploy`: Prefect 3.8 sends requests there that its own server refuses.
        for each in read(path):
            served(each, pool=True).apply()
            say(f"deployed {each['name']} to the pool {pool_of(each) or ''}")
    say("start workers here: " + "; ".join(f"prefect worker start --pool {p}" for p in pools))
