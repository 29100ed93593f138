"""What the secret references of a container group must be, and what refers to them."""

from __future__ import annotations

from collections.abc import Collection, Iterator

from ..container_instances.secret_references import is_secret
from .container_group_models import (
    ContainerGroupProperties,
    EnvironmentVariable,
    InitContainerProperties,
    SecretReference,
)
from .routing import invalid


def check(group: str, properties: ContainerGroupProperties, identities: Collection[str]) -> None:
    """Raise 400 for a reference that cannot be, twice of one name, and a name that is none of theirs.

    ``identities`` are the ids of the user-assigned identities that the group is to have.
    """
    known: set[str] = set()
    for reference in properties.secret_references or []:
        _check_reference(group, reference, identities)
        if reference.name in known:
            raise invalid(
                f"The secret reference name '{reference.name}' in container group '{group}' is not "
                "unique."
            )
        known.add(str(reference.name))
    for place, name in _uses(properties):
        if name not in known:
            raise invalid(
                f"The secret reference '{name}' in {place} in container group '{group}' is not found "
                f"in its 'secretReferences': they are '{', '.join(sorted(known))}'."
            )


def _check_reference(group: str, reference: SecretReference, identities: Collection[str]) -> None:
    place = f"secret reference '{reference.name or ''}' in container group '{group}'"
    for key, value in (
        ("name", reference.name),
        ("identity", reference.identity),
        ("secretReferenceUri", reference.secret_reference_uri),
    ):
        if not value:
            raise invalid(f"The '{key}' of the {place} cannot be empty.")
    if str(reference.identity).lower() not in {one.lower() for one in identities}:
        raise invalid(
            f"The identity '{reference.identity}' of the {place} is not a user-assigned identity of "
            "the group."
        )
    if not is_secret(str(reference.secret_reference_uri)):
        raise invalid(
            f"The 'secretReferenceUri' of the {place} is invalid: "
            f"'{reference.secret_reference_uri}' is not like "
            "https://<vault>.vault.azure.net/secrets/<name>[/<version>]."
        )


def _uses(properties: ContainerGroupProperties) -> Iterator[tuple[str, str]]:
    """Every name of a reference that is used, with the place where it is."""
    for credential in properties.image_registry_credentials or []:
        if credential.password_reference is not None:
            place = "the 'passwordReference' of 'imageRegistryCredentials'"
            yield place, credential.password_reference
    for volume in properties.volumes or []:
        for name in (volume.secret_reference or {}).values():
            yield f"the 'secretReference' of the volume '{volume.name}'", name
    containers: list[tuple[str | None, InitContainerProperties | None]] = [
        *((one.name, one.properties) for one in properties.init_containers or []),
        *((one.name, one.properties) for one in properties.containers or []),
    ]
    for container, inside in containers:
        for variable in (inside or InitContainerProperties()).environment_variables or []:
            if variable.secure_value_reference is not None:
                place = f"the environment variable '{variable.name}' of the container '{container}'"
                yield place, variable.secure_value_reference


def check_variable(group: str, container: str, variable: EnvironmentVariable) -> None:
    """Raise 400 for a variable that has more than one value."""
    given = {
        "value": variable.value,
        "secureValue": variable.secure_value,
        "secureValueReference": variable.secure_value_reference,
    }
    several = [f"'{name}'" for name, value in given.items() if value is not None]
    if len(several) > 1:
        listed = ", ".join(several[:-1]) + f" and {several[-1]}"
        raise invalid(
            f"The environment variable '{variable.name}' in the container '{container}' of container "
            f"group '{group}' has {'both ' if len(several) == 2 else ''}{listed}: give one of them."
        )
