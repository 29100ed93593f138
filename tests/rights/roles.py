"""The built-in roles by short names, and those that allow what many allow."""

from __future__ import annotations

ROLES = {
    "own": "Owner",
    "con": "Contributor",
    "rea": "Reader",
    "rba": "Role Based Access Control Administrator",
    "uaa": "User Access Administrator",
    "mic": "Managed Identity Contributor",
    "mio": "Managed Identity Operator",
    "aci": "Azure Container Instances Contributor Role",
    "tag": "Tag Contributor",
    "pull": "AcrPull",
    "push": "AcrPush",
    "del": "AcrDelete",
    "sign": "AcrImageSigner",
    "qre": "AcrQuarantineReader",
    "qwr": "AcrQuarantineWriter",
    "imp": "Container Registry Data Importer and Data Reader",
    "rre": "Container Registry Repository Reader",
    "rwr": "Container Registry Repository Writer",
    "rco": "Container Registry Repository Contributor",
    "lst": "Container Registry Repository Catalog Lister",
    "tsk": "Container Registry Tasks Contributor",
    "tra": "Container Registry Transfer Pipeline Contributor",
    "cfg": "Container Registry Configuration Reader and Data Access Configuration Reader",
    "dac": "Container Registry Contributor and Data Access Configuration Administrator",
    "cra": "Container Registry Cache Rule Administrator",
    "crr": "Container Registry Cache Rule Reader",
    "csa": "Container Registry Credential Set Administrator",
    "csr": "Container Registry Credential Set Reader",
    "kva": "Key Vault Administrator",
    "kvc": "Key Vault Contributor",
    "kvr": "Key Vault Reader",
    "kvo": "Key Vault Secrets Officer",
    "kvu": "Key Vault Secrets User",
    "kco": "Key Vault Certificates Officer",
    "kcu": "Key Vault Certificate User",
    "kyo": "Key Vault Crypto Officer",
    "kye": "Key Vault Crypto Service Encryption User",
    "kyl": "Key Vault Crypto Service Release User",
    "kyu": "Key Vault Crypto User",
    "kda": "Key Vault Data Access Administrator",
    "kpo": "Key Vault Purge Operator",
}


def named(short: str) -> frozenset[str]:
    """Roles by their short names, in one string."""
    return frozenset(short.split())


# Those that are listed with */read: every action that ends so.
READ = named("own con rea rba uaa")
ADMIN = named("own con")
_KEY_VAULT_READERS = named("kva kvr kvo kco kyo kvc")
_BASIC = named("mic mio aci tag dac kda") | _KEY_VAULT_READERS
READ_ROLES = READ | _BASIC  # Microsoft.Authorization/*/read
READ_GROUPS = READ | _BASIC | named("tsk")  # …/resourceGroups/read
DEPLOY = ADMIN | READ_GROUPS - READ  # Microsoft.Resources/deployments/*
READ_VAULTS = READ | _KEY_VAULT_READERS
