"""Which api-versions Azure Resource Manager takes, by provider and by type of resource.

Sources: the published REST specifications (azure-rest-api-specs) of each provider; ARM's own versions as
its error InvalidApiVersionParameter lists them. All versions of a type have the same operations here, and
know every property: a client asks with the one that it was made for.
"""

from __future__ import annotations

from .resource_types import (
    CACHE_RULE_TYPE,
    CREDENTIAL_SET_TYPE,
    DEPLOYMENT_TYPE,
    LOCK_TYPE,
    REGISTRY_TYPE,
    RUN_TYPE,
    SCOPE_MAP_TYPE,
    TASK_RUN_TYPE,
    TASK_TYPE,
    TOKEN_TYPE,
    TYPES,
)

_REGISTRIES = (
    *("2017-03-01", "2017-06-01-preview", "2017-10-01", "2018-02-01-preview", "2018-09-01"),
    *("2019-04-01", "2019-05-01", "2019-05-01-preview", "2019-06-01-preview"),
    *("2019-12-01-preview", "2020-11-01-preview", "2021-06-01-preview", "2021-08-01-preview"),
    *("2021-09-01", "2021-12-01-preview", "2022-02-01-preview", "2022-12-01"),
    *("2023-01-01-preview", "2023-06-01-preview", "2023-07-01", "2023-08-01-preview"),
    *("2023-11-01-preview", "2024-11-01-preview", "2025-03-01-preview", "2025-04-01"),
    *("2025-05-01-preview", "2025-06-01-preview", "2025-11-01", "2026-01-01-preview"),
    *("2026-03-01-preview", "2026-09-01-preview"),
)
_TASKS = ("2018-09-01", "2019-04-01", "2019-06-01-preview", "2025-03-01-preview")
_AUTHORIZATION = (
    *("2014-04-01-preview", "2014-07-01-preview", "2014-10-01-preview", "2015-01-01"),
    *("2015-05-01-preview", "2015-06-01", "2015-07-01", "2016-07-01", "2016-09-01"),
    *("2017-04-01", "2017-09-01", "2017-10-01-preview", "2018-01-01-preview"),
    *("2018-05-01-preview", "2018-07-01", "2018-07-01-preview", "2018-09-01-preview"),
    *("2019-08-01-preview", "2020-03-01-preview", "2020-04-01-preview", "2020-05-01"),
    *("2020-08-01-preview", "2020-10-01", "2020-10-01-preview", "2021-01-01-preview"),
    *("2021-03-01-preview", "2021-07-01-preview", "2021-12-01-preview", "2022-04-01"),
    *("2022-04-01-preview", "2022-05-01-preview", "2022-08-01-preview", "2024-07-01-preview"),
    *("2024-09-01-preview", "2025-12-01-preview"),
)
_INSTANCES = (
    *("2017-08-01-preview", "2017-10-01-preview", "2017-12-01-preview", "2018-02-01-preview"),
    *("2018-04-01", "2018-06-01", "2018-09-01", "2018-10-01", "2019-12-01", "2020-11-01"),
    *("2021-03-01", "2021-07-01", "2021-09-01", "2021-10-01", "2022-04-01-preview"),
    *("2022-09-01", "2022-10-01-preview", "2023-02-01-preview", "2023-05-01"),
    *("2024-05-01-preview", "2024-09-01-preview", "2024-10-01-preview", "2024-11-01-preview"),
    *("2025-09-01", "2026-06-01-preview", "2026-07-01", "2026-08-01-preview"),
)
_VAULTS = (
    *("2014-12-19-preview", "2015-06-01", "2016-10-01", "2018-02-14", "2018-02-14-preview"),
    *("2019-09-01", "2020-04-01-preview", "2021-04-01-preview", "2021-06-01-preview"),
    *("2021-10-01", "2021-11-01-preview", "2022-02-01-preview", "2022-07-01"),
    *("2022-11-01", "2023-02-01", "2023-07-01", "2024-04-01-preview", "2024-11-01"),
    *("2024-12-01-preview", "2025-05-01", "2026-02-01", "2026-05-15"),
)
_IDENTITIES = (
    *("2015-08-31-preview", "2018-11-30", "2021-09-30-preview", "2022-01-31-preview"),
    *("2023-01-31", "2023-07-31-preview", "2024-11-30", "2025-01-31-preview"),
    *("2025-05-31-preview",),
)
_RESOURCES = (
    *("2014-01-01", "2014-04-01", "2014-04-01-preview", "2015-01-01", "2015-10-01-preview"),
    *("2015-11-01", "2015-12-01", "2016-02-01", "2016-04-01", "2016-06-01", "2016-07-01"),
    *("2016-09-01", "2016-12-01", "2017-03-01", "2017-05-01", "2017-05-10"),
    *("2017-06-01", "2017-06-01-preview", "2017-08-01", "2017-12-01", "2018-01-01"),
    *("2018-02-01", "2018-03-01", "2018-05-01", "2018-06-01", "2018-07-01", "2018-08-01"),
    *("2018-09-01", "2018-11-01", "2019-01-01", "2019-03-01", "2019-05-01", "2019-05-10"),
    *("2019-06-01", "2019-07-01", "2019-08-01", "2019-09-01", "2019-10-01", "2019-11-01"),
    *("2020-01-01", "2020-05-01", "2020-06-01", "2020-07-01", "2020-08-01", "2020-09-01"),
    *("2020-10-01", "2021-01-01", "2021-04-01", "2021-05-01", "2021-07-01", "2022-01-01"),
    *("2022-03-01-preview", "2022-05-01", "2022-06-01", "2022-09-01", "2022-11-01-preview"),
    *("2022-12-01", "2023-03-01-preview", "2023-07-01", "2023-07-01-preview", "2024-03-01"),
    *("2024-07-01", "2024-08-01", "2024-11-01", "2025-03-01", "2025-04-01"),
)
_DEPLOYMENTS = (*_RESOURCES, "2026-06-01", "2026-09-01")
_LOCKS = ("2015-01-01", "2016-09-01", "2017-04-01", "2020-05-01")
_BY_PROVIDER = {
    "Microsoft.Authorization": _AUTHORIZATION,
    "Microsoft.ContainerInstance": _INSTANCES,
    "Microsoft.ContainerRegistry": _REGISTRIES,
    "Microsoft.KeyVault": _VAULTS,
    "Microsoft.ManagedIdentity": _IDENTITIES,
    "Microsoft.Resources": _RESOURCES,
}
_BY_TYPE = {
    CACHE_RULE_TYPE: tuple(one for one in _REGISTRIES if one >= "2023-01-01"),
    CREDENTIAL_SET_TYPE: tuple(one for one in _REGISTRIES if one >= "2023-01-01"),
    RUN_TYPE: _TASKS,
    SCOPE_MAP_TYPE: tuple(one for one in _REGISTRIES if one >= "2019-05-01-preview"),
    TASK_TYPE: _TASKS,
    TOKEN_TYPE: tuple(one for one in _REGISTRIES if one >= "2019-05-01-preview"),
    TASK_RUN_TYPE: _TASKS[2:],
    f"{REGISTRY_TYPE}/agentPools": _TASKS[2:],
    LOCK_TYPE: _LOCKS,
    DEPLOYMENT_TYPE: _DEPLOYMENTS,
}
_VERSIONS = {name.lower(): versions for name, versions in {**_BY_PROVIDER, **_BY_TYPE}.items()}
_KNOWN = {one.lower() for one in (*TYPES, *_BY_TYPE)}


def versions_of(type: str) -> tuple[str, ...]:
    """The api-versions of a type, the oldest first; its provider's where it has none of its own.

    () for a type of a provider that the local cloud does not have.
    """
    lowered = type.lower()
    return _VERSIONS.get(lowered) or _VERSIONS.get(lowered.partition("/")[0], ())


def type_of(path: str) -> str:
    """The type of resource that a path, or its template, is about; ARM's own where none is named.

    An action or a part of a resource that is no type of its own counts as the resource's.
    """
    _, provider, rest = path.rpartition("/providers/")
    words = rest.strip("/").split("/")
    if not provider or len(words) == 1 or words[1] == "register":  # ARM's own, about a provider
        own = "/deployments/" in path.lower()  # as the operations of a deployment are asked for
        return DEPLOYMENT_TYPE if own else "Microsoft.Resources"
    found = "/".join([words[0], *words[1::2]])
    while found.count("/") > 1 and found.lower() not in _KNOWN:
        found = found.rpartition("/")[0]
    return found


def newest(path: str) -> str:
    """The newest version, no preview where there is one, that the operation at a path takes."""
    versions = versions_of(type_of(path.partition("?")[0])) or _RESOURCES
    return max((one for one in versions if not one.endswith("-preview")), default=max(versions))
