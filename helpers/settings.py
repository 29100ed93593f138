"""The names that the whole workflow uses, and the names derived from them."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from dataclasses import asdict, dataclass, fields
from typing import ClassVar

from .errors import HelpersError
from .localcloud.reference import login_server
from .pictures import colors

CLOUDS = ("local", "azure")


class SettingsError(HelpersError):
    """A name that Azure would refuse; the message quotes the rule that it breaks."""


def _registry_rule(name: str) -> str | None:
    # Azure's naming rules, Microsoft.ContainerRegistry/registries.
    if not re.fullmatch(r"[A-Za-z0-9]{5,50}", name):
        return "a registry's name has 5 to 50 characters, only letters and digits"
    return None


def _vault_rule(name: str) -> str | None:
    # Azure's naming rules, Microsoft.KeyVault/vaults.
    if not re.fullmatch(r"[A-Za-z](?:-?[A-Za-z0-9])*", name) or not 3 <= len(name) <= 24:
        return (
            "a vault's name has 3 to 24 letters, digits and hyphens, begins with a letter, ends "
            "with a letter or digit and has no two hyphens in a row"
        )
    return None


def _instance_rule(name: str) -> str | None:
    # Azure's naming rules, Microsoft.ContainerInstance/containerGroups.
    if not re.fullmatch(r"[a-z0-9](?:-?[a-z0-9])*", name) or len(name) > 63:
        return (
            "a container instance's name has 1 to 63 lower-case letters, digits and hyphens, "
            "neither begins nor ends with a hyphen and has no two hyphens in a row"
        )
    return None


def _location_rule(name: str) -> str | None:
    if not re.fullmatch(r"[a-z][a-z0-9]*", name):
        return "a location is written in lower-case letters and digits, for instance eastus"
    return None


def _owner_rule(name: str) -> str | None:
    # GitHub's rule for the names of accounts and organizations.
    if name and not re.fullmatch(r"(?i)[a-z0-9](?:-?[a-z0-9]){0,38}", name):
        return (
            "an account of GitHub has 1 to 39 letters, digits and single hyphens, and neither "
            "begins nor ends with a hyphen"
        )
    return None


def _group_rule(pattern: str) -> str | None:
    # Azure's naming rules, Microsoft.Resources/resourcegroups; the longest name is a vault's or
    # an instance's, and Azure says so itself when the two are too long together.
    if pattern.count("{}") != 1 or not re.fullmatch(r"[\w().-]{1,60}", pattern.replace("{}", "x")):
        return (
            "it has {} where the name of the registry, vault or instance goes, and around it only "
            "letters, digits, hyphens, underscores, periods and parentheses, as in rg-{}"
        )
    if pattern.endswith("."):
        return "the name of a resource group does not end with a period"
    return None


def _cloud_rule(name: str) -> str | None:
    return None if name in CLOUDS else "the cloud is 'local' or 'azure'"


_RULES: dict[str, Callable[[str], str | None]] = {
    "cloud": _cloud_rule,
    "public_registry": _registry_rule,
    "base_artifacts_registry": _registry_rule,
    "registry": _registry_rule,
    "vault": _vault_rule,
    "instance": _instance_rule,
    "location": _location_rule,
    "github_owner": _owner_rule,
    "group_pattern": _group_rule,
    "staging_registry": _registry_rule,
}
_COLORS = ("questionable_color", "good_color", "bad_color")
_UNIQUE_IN_THE_WORLD = ("public_registry", "base_artifacts_registry", "registry", "vault")


@dataclass(frozen=True)
class Settings:
    """The parameters of the notebooks, checked, with every name that follows from them.

    Raises :class:`SettingsError` for a name that Azure would refuse.
    """

    cloud: str = "local"
    public_registry: str = "publicregistry"
    base_artifacts_registry: str = "acmebaseartifacts"
    registry: str = "acmerockets"
    vault: str = "acr-task-credentials"
    instance: str = "hello-world-aci"
    location: str = "eastus"
    github_owner: str = ""  # the environment's GITHUB_OWNER
    group_pattern: str = "{}-rg"
    staging_registry: str = "acmestaging"  # made by 11; the notebooks before it know nothing of it
    questionable_color: str = "Red"  # what 05 publishes
    good_color: str = "Green"  # what the gate lets pass
    bad_color: str = "Red"  # what the gate refuses

    git_token_secret: ClassVar[str] = "import-public-content"  # noqa: S105 - its name in the vault

    def __post_init__(self) -> None:
        for name, rule in _RULES.items():
            value = getattr(self, name)
            broken = rule(value) if isinstance(value, str) else "a name is a text"
            if broken:
                raise SettingsError(f"{name}={value!r}: {broken}. Choose another {name}.")
        for name in _COLORS:
            check_color(name, getattr(self, name))
        registries = (*self.registries, self.staging_registry)
        if len({one.lower() for one in registries}) < len(registries):
            raise SettingsError(
                "public_registry, base_artifacts_registry, registry and staging_registry are four "
                f"registries: {', '.join(registries)} names one of them twice. Choose different "
                "names."
            )
        if self.cloud == "azure":
            self._refuse_defaults(*_UNIQUE_IN_THE_WORLD)

    def _refuse_defaults(self, *names: str) -> None:
        defaults = {field.name: field.default for field in fields(self)}
        kept = [name for name in names if getattr(self, name) == defaults[name]]
        if kept:
            raise SettingsError(
                "On Azure, the names of registries and vaults are unique in the whole world, and "
                f"the tutorial's own are long taken. Choose names of your own for "
                f"{', '.join(kept)} in notebooks/settings.toml or with -p, for instance "
                f"{kept[0]} = {_with_initials(self, kept[0])!r}."
            )

    def group_of(self, name: str) -> str:
        """The resource group of a registry, vault or instance."""
        return self.group_pattern.replace("{}", name)

    @property
    def registries(self) -> tuple[str, str, str]:
        """The three registries that the workflow begins with: public, base artifacts, team."""
        return (self.public_registry, self.base_artifacts_registry, self.registry)

    @property
    def all_registries(self) -> tuple[str, ...]:
        """Every registry that a notebook may have made: the three, and the one for staging.

        On Azure that one has no name until the reader has chosen it.
        """
        return (*self.registries, self.staging_registry) if self._has_staging else self.registries

    @property
    def _has_staging(self) -> bool:
        default = type(self).staging_registry
        return self.cloud != "azure" or self.staging_registry != default

    @property
    def public_registry_group(self) -> str:
        """Resource group of the simulated public registry."""
        return self.group_of(self.public_registry)

    @property
    def base_artifacts_registry_group(self) -> str:
        """Resource group of the company's registry for base artifacts."""
        return self.group_of(self.base_artifacts_registry)

    @property
    def registry_group(self) -> str:
        """Resource group of the team's registry."""
        return self.group_of(self.registry)

    @property
    def staging_group(self) -> str:
        """Resource group of the registry for staging; raises as ``staging_login_server`` does."""
        self._refuse_staging()
        return self.group_of(self.staging_registry)

    @property
    def vault_group(self) -> str:
        """Resource group of the vault."""
        return self.group_of(self.vault)

    @property
    def instance_group(self) -> str:
        """Resource group of the container instance."""
        return self.group_of(self.instance)

    @property
    def groups(self) -> tuple[str, ...]:
        """The five resource groups that the workflow begins with, in the order of their making."""
        return tuple(self.group_of(name) for name in (*self.registries, self.vault, self.instance))

    @property
    def all_groups(self) -> tuple[str, ...]:
        """Every resource group that a notebook may have made: what there is to clean up."""
        later = self.all_registries[len(self.registries) :]
        return (*self.groups, *(self.group_of(name) for name in later))

    @property
    def public_login_server(self) -> str:
        """Host name of the simulated public registry."""
        return login_server_of(self.public_registry)

    @property
    def base_artifacts_login_server(self) -> str:
        """Host name of the company's registry for base artifacts."""
        return login_server_of(self.base_artifacts_registry)

    @property
    def login_server(self) -> str:
        """Host name of the team's registry."""
        return login_server_of(self.registry)

    @property
    def staging_login_server(self) -> str:
        """Host name of the registry for staging.

        Raises :class:`SettingsError` on Azure while it has the tutorial's own name: only who uses
        that registry needs a name for it.
        """
        self._refuse_staging()
        return login_server_of(self.staging_registry)

    def _refuse_staging(self) -> None:
        if self.cloud == "azure":
            self._refuse_defaults("staging_registry")

    @property
    def vault_url(self) -> str:
        """Address of the vault, without a slash at the end."""
        return f"https://{self.vault}.vault.azure.net"

    def secret_url(self, secret: str) -> str:
        """Address of a secret, always its newest version: what a task's credentials refer to."""
        return f"{self.vault_url}/secrets/{secret}"

    def parameters(self) -> dict[str, str]:
        """The parameters by name, as papermill takes them. None of them is secret."""
        return asdict(self)

    def variables(self) -> dict[str, str]:
        """The names as the article's ``az`` commands have them, in variables of a shell."""
        registries = {
            "REGISTRY_PUBLIC": self.public_registry,
            "REGISTRY_BASE_ARTIFACTS": self.base_artifacts_registry,
            "REGISTRY": self.registry,
        }
        if self._has_staging:
            registries["REGISTRY_STAGING"] = self.staging_registry
        found = {}
        for variable, name in registries.items():
            found[variable] = name
            found[f"{variable}_RG"] = self.group_of(name)
            found[f"{variable}_URL"] = login_server_of(name)
        return {
            **found,
            "RESOURCE_GROUP_LOCATION": self.location,
            "GIT_TOKEN_NAME": self.git_token_secret,
            "AKV": self.vault,
            "AKV_RG": self.vault_group,
            "ACI": self.instance,
            "ACI_RG": self.instance_group,
        }


def check_color(name: str, value: object) -> None:
    """Refuse a value of the parameter ``name`` that is no colour as CSS writes it.

    Raises :class:`SettingsError`. Rule: CSS Color Module Level 4, named colours and hexadecimal
    notation; no other notation fits into one word of a Dockerfile.
    """
    if isinstance(value, str) and colors.is_color(value):
        return
    problem = "a colour is one English word, or # and six hexadecimal digits"
    example = "'Orange' or '#ffa500'"
    if isinstance(value, str) and re.fullmatch("[A-Za-z]+", value):
        problem = "CSS knows no colour of that name"
        alike = difflib.get_close_matches(value.lower(), sorted(colors.NAMES), n=1)
        example = f"{alike[0]!r} or '#ffa500'" if alike else example
    raise SettingsError(
        f"{name}={value!r}: {problem}. Choose another {name}, for instance {example}."
    )


def login_server_of(registry: str) -> str:
    """The host name by which a registry is pulled from and pushed to."""
    return login_server(registry)


def token_name(registry: str) -> str:
    """The registry token that pulls from ``registry``: user name, and name of its secret."""
    return f"registry-{registry}-user"


def password_secret(registry: str) -> str:
    """The secret that holds the password of :func:`token_name`."""
    return f"registry-{registry}-password"


def _with_initials(settings: Settings, name: str) -> str:
    suggestion = f"{getattr(settings, name)}xyz"
    return suggestion if _RULES[name](suggestion) is None else f"{name.replace('_', '')}xyz"
