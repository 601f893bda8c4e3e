"""Read `flows/prefect.yaml`, the one list of deployments for `serve` and `deploy`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import flows  # sets Prefect up, so it comes before prefect
from matscreen.errors import InputError

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.responses import DeploymentResponse
    from prefect.deployments.runner import RunnerDeployment

__all__ = ["FILE", "flows", "interval", "on_server", "pool_of", "read", "served", "work_pools"]

FILE: Final = Path(__file__).with_name("prefect.yaml")
_UNITS: Final = {"s": 1, "min": 60, "h": 3600, "d": 86400}


def read(file: Path = FILE) -> list[dict[str, Any]]:
    """Return the deployments of a file.

    Raises:
        InputError: It is no such file.
    """
    import yaml  # type: ignore[import-untyped]  # comes with prefect

    try:
        content = yaml.safe_load(file.read_text(encoding="utf-8"))
    except OSError as error:
        raise InputError(f"no deployments in {file}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{file} is no UTF-8 text: {error}") from error
    except yaml.YAMLError as error:
        raise InputError(f"{file} is not valid YAML: {' '.join(str(error).split())}") from error
    found = content.get("deployments") if isinstance(content, dict) else None
    if not isinstance(found, list) or not found:
        raise InputError(f"{file} has no list `deployments`; flows/prefect.yaml shows one")
    for each in found:
        if not isinstance(each, dict) or not {"name", "entrypoint"} <= each.keys():
            raise InputError(f"{file}: a deployment needs `name` and `entrypoint`, got {each!r}")
        if not isinstance(each.get("work_pool") or {}, dict):
            raise InputError(f"{file}: `work_pool` of {each['name']!r} must have a `name` below it")
        schedules = each.get("schedules") or []
        if not isinstance(schedules, list) or not all(map(_is_schedule, schedules)):
            raise InputError(
                f"{file}: `schedules` of {each['name']!r} must be a list, each with `cron` or "
                "`interval` (seconds)"
            )
    return found


def _is_schedule(entry: Any) -> bool:
    return isinstance(entry, dict) and ("cron" in entry or "interval" in entry)


def pool_of(deployment: Mapping[str, Any]) -> str | None:
    """Return the work pool that a deployment asks for, or None."""
    found = (deployment.get("work_pool") or {}).get("name")
    return None if found is None else str(found)


def work_pools(deployments: Sequence[Mapping[str, Any]]) -> list[str]:
    """Return the work pools that deployments ask for."""
    named = map(pool_of, deployments)
    return [name for name in dict.fromkeys(named) if name]


def interval(text: str) -> timedelta:
    """Read `30s`, `15min`, `6h` or `1d`.

    Raises:
        InputError: It is none of these.
    """
    found = re.fullmatch(r"\s*(\d+)\s*(s|min|h|d)\s*", text)
    if found is None or int(found[1]) == 0:
        raise InputError(f"interval {text!r} is not understood; give 30s, 15min, 6h or 1d")
    return timedelta(seconds=int(found[1]) * _UNITS[found[2]])


def served(
    deployment: Mapping[str, Any],
    *,
    parameters: Mapping[str, Any] | None = None,
    every: timedelta | None = None,
    pool: bool = False,
) -> RunnerDeployment:
    """Return a deployment for the process that serves it, or for the workers of its pool.

    Args:
        deployment: As in the file.
        parameters: Values that replace those of the file, as far as the flow takes them.
        every: Interval instead of the schedules of the file.
        pool: Workers run it; with its limit of runs at a time.
    """
    from prefect.client.schemas.objects import ConcurrencyLimitConfig
    from prefect.deployments.runner import RunnerDeployment
    from prefect.flows import load_flow_from_entrypoint
    from prefect.schedules import Cron, Interval

    taken = load_flow_from_entrypoint(deployment["entrypoint"]).parameters.properties
    values = dict(deployment.get("parameters") or {})
    values |= {k: v for k, v in (parameters or {}).items() if k in taken and v is not None}
    if every is not None:
        schedules: list[Any] = [Interval(every)]
    else:
        schedules = []
        for each in deployment.get("schedules") or []:
            options = {"timezone": each.get("timezone"), "active": each.get("active", True)}
            if "cron" in each:
                schedules.append(Cron(each["cron"], **options))
            else:
                schedules.append(Interval(timedelta(seconds=float(each["interval"])), **options))
    return RunnerDeployment.from_entrypoint(
        deployment["entrypoint"],
        deployment["name"],
        schedules=schedules,
        parameters=values,
        description=deployment.get("description"),
        tags=list(deployment.get("tags") or []),
        work_pool_name=pool_of(deployment) if pool else None,
        concurrency_limit=(
            ConcurrencyLimitConfig(**deployment["concurrency_limit"])
            if pool and "concurrency_limit" in deployment
            else None
        ),
    )


def on_server(client: SyncPrefectClient) -> list[tuple[str, DeploymentResponse]]:
    """Return the deployments of matscreen that a server has, with their names as `flow/name`."""
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterTags
    from prefect.client.schemas.sorting import DeploymentSort

    ours = DeploymentFilter(tags=DeploymentFilterTags(all_=["matscreen"]))
    found = client.read_deployments(deployment_filter=ours, limit=200, sort=DeploymentSort.NAME_ASC)
    names = {each: client.read_flow(each).name for each in {one.flow_id for one in found}}
    return [(f"{names[each.flow_id]}/{each.name}", each) for each in found]
