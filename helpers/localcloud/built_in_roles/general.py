"""The built-in roles that are for every service, for identities and for container groups.

Source: learn.microsoft.com, "Azure built-in roles" (privileged, general, containers, identity, management and
governance): names, GUIDs, descriptions and actions, also those of services that are not here.
"""

from __future__ import annotations

from ..resource_types import CONTAINER_GROUP_TYPE, USER_ASSIGNED_IDENTITY_TYPE
from ..role_definitions import Role
from .actions import ALERTS, AUTHORIZATION, DEPLOYMENTS, GROUPS, READ_ROLES, SUPPORT, below

OWNER = Role(
    "Owner",
    "8e3af657-a8ff-443c-a75c-2fe8c4bcb635",
    "Grants full access to manage all resources, including the ability to assign roles in Azure RBAC.",
    ("*",),
)
GENERAL: tuple[Role, ...] = (
    OWNER,
    Role(
        "Contributor",
        "b24988ac-6180-42a0-ab88-20f7382dd24c",
        "Grants full access to manage all resources, but does not allow you to assign roles in Azure "
        "RBAC, manage assignments in Azure Blueprints, or share image galleries.",
        ("*",),
        (
            f"{AUTHORIZATION}/*/Delete",
            f"{AUTHORIZATION}/*/Write",
            f"{AUTHORIZATION}/elevateAccess/Action",
            "Microsoft.Blueprint/blueprintAssignments/write",
            "Microsoft.Blueprint/blueprintAssignments/delete",
            "Microsoft.Compute/galleries/share/action",
            "Microsoft.Purview/consents/write",
            "Microsoft.Purview/consents/delete",
            "Microsoft.Resources/deploymentStacks/manageDenySetting/action",
            "Microsoft.Subscription/cancel/action",
            "Microsoft.Subscription/enable/action",
        ),
    ),
    Role(
        "Reader",
        "acdd72a7-3385-48ef-bd42-f606fba81ae7",
        "View all resources, but does not allow you to make any changes.",
        ("*/read",),
    ),
    Role(
        "Role Based Access Control Administrator",
        "f58310d9-a9f6-439a-9e8d-f62e7b41a168",
        "Manage access to Azure resources by assigning roles using Azure RBAC. This role does not "
        "allow you to manage access using other ways, such as Azure Policy.",
        (*below(f"{AUTHORIZATION}/roleAssignments", "write delete"), "*/read", SUPPORT),
    ),
    Role(
        "User Access Administrator",
        "18d7d88d-d35e-4fb5-a5c3-7773c20a72d9",
        "Lets you manage user access to Azure resources.",
        ("*/read", f"{AUTHORIZATION}/*", SUPPORT),
    ),
    Role(
        "Managed Identity Contributor",
        "e40ec5ca-96e0-45a2-b4ff-59039f2c2b59",
        "Create, Read, Update, and Delete User Assigned Identity",
        (
            *below(
                USER_ASSIGNED_IDENTITY_TYPE,
                "read write delete federatedIdentityCredentials/read "
                "federatedIdentityCredentials/write federatedIdentityCredentials/delete "
                "revokeTokens/action",
            ),
            *(READ_ROLES, ALERTS, GROUPS, DEPLOYMENTS, SUPPORT),
        ),
    ),
    Role(
        "Managed Identity Operator",
        "f1a07417-d97a-45cb-824c-7a7467783830",
        "Read and Assign User Assigned Identity",
        (
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/read",
            "Microsoft.ManagedIdentity/userAssignedIdentities/*/assign/action",
            *(READ_ROLES, ALERTS, GROUPS, DEPLOYMENTS, SUPPORT),
        ),
    ),
    Role(
        "Azure Container Instances Contributor Role",
        "5d977122-f97e-4b4d-a52f-6b43003ddb4d",
        "Grants read/write access to container groups provided by Azure Container Instances",
        (f"{CONTAINER_GROUP_TYPE}/*", DEPLOYMENTS, READ_ROLES, ALERTS, GROUPS),
    ),
    Role(
        "Tag Contributor",
        "4a9ae827-6dc8-4573-8ac7-8239d42aa03f",
        "Lets you manage tags on entities, without providing access to the entities themselves.",
        (
            *(READ_ROLES, ALERTS, DEPLOYMENTS, GROUPS),
            "Microsoft.Resources/subscriptions/resourceGroups/resources/read",
            "Microsoft.Resources/subscriptions/resources/read",
            "Microsoft.Resources/tags/*",
            SUPPORT,
        ),
    ),
)
