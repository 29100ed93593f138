// Node's clients of Resource Manager: regions, templates, roles, locks, identities and tags of a group.
import { AuthorizationManagementClient } from "@azure/arm-authorization";
import { ManagementLockClient } from "@azure/arm-locks";
import { ManagedServiceIdentityClient } from "@azure/arm-msi";
import { ResourceManagementClient } from "@azure/arm-resources";
import { SubscriptionClient } from "@azure/arm-resources-subscriptions";
import { DeploymentsClient } from "@azure/arm-resourcesdeployments";
import { listed, refusal } from "./common.mjs";
import { credential } from "./credential.mjs";

const { AZURE_TENANT_ID, AZURE_SUBSCRIPTION_ID } = process.env;
const [group, registry, roleName, assignmentName] = process.argv.slice(2);
const scope = `/subscriptions/${AZURE_SUBSCRIPTION_ID}/resourceGroups/${group}`;
const found = {};

const code = (promise) => refusal(promise, (error) => error.code);

const subscriptions = new SubscriptionClient(credential);
const subscription = await subscriptions.subscriptions.get(AZURE_SUBSCRIPTION_ID);
found.subscription = [subscription.displayName, subscription.state];
found.tenants = await listed(subscriptions.tenants.list(), (one) => one.tenantId === AZURE_TENANT_ID);
const regions = await listed(subscriptions.subscriptions.listLocations(AZURE_SUBSCRIPTION_ID), (one) => one);
found.canada = regions.filter((one) => one.metadata.geographyGroup === "Canada").map((one) => one.name);

const manager = new ResourceManagementClient(credential, AZURE_SUBSCRIPTION_ID);
await manager.resourceGroups.createOrUpdate(group, { location: "westeurope" });
found.updated = (await manager.resourceGroups.update(group, { tags: { team: "a" } })).tags;
const patch = { operation: "Merge", properties: { tags: { cost: "b" } } };
const tagged = await manager.tagsOperations.updateAtScope(scope, patch);
found.tagged = tagged.properties.tags;

const deployments = new DeploymentsClient(credential, AZURE_SUBSCRIPTION_ID);
const template = {
  $schema: "https://schema.management.azure.com/schemas/2019-04-01/deploymentTemplate.json#",
  contentVersion: "1.0.0.0",
  parameters: { name: { type: "string" } },
  resources: [
    {
      type: "Microsoft.ContainerRegistry/registries",
      apiVersion: "2023-07-01",
      name: "[parameters('name')]",
      location: "[resourceGroup().location]",
      sku: { name: "Basic" },
    },
  ],
  outputs: { server: { type: "string", value: "[reference(parameters('name')).loginServer]" } },
};
const properties = { mode: "Incremental", template, parameters: { name: { value: registry } } };
const preview = await deployments.deployments.whatIf(group, "first", { properties });
found.preview = preview.changes.map((one) => one.changeType);
const made = await deployments.deployments.createOrUpdate(group, "first", { properties });
found.made = [made.properties.provisioningState, made.properties.outputs.server.value];
const steps = deployments.deploymentOperations.list(group, "first");
found.steps = await listed(steps, (one) => one.properties.provisioningState);
found.exported = (await deployments.deployments.exportTemplate(group, "first")).template.contentVersion;
const wrong = { properties: { ...properties, parameters: {} } };
found.wrong = await code(deployments.deployments.createOrUpdate(group, "second", wrong));
await deployments.deployments.delete(group, "first");
found.history = await listed(deployments.deployments.listByResourceGroup(group), (one) => one.name);

const identities = new ManagedServiceIdentityClient(credential, AZURE_SUBSCRIPTION_ID);
const identity = await identities.userAssignedIdentities.createOrUpdate(group, "worker", { location: "westeurope" });
found.identities = await listed(identities.userAssignedIdentities.listByResourceGroup(group), (one) => one.name);

const roles = new AuthorizationManagementClient(credential, AZURE_SUBSCRIPTION_ID);
const role = await roles.roleDefinitions.createOrUpdate(scope, roleName, {
  roleName: `reads ${roleName}`,
  description: "reads registries",
  roleType: "CustomRole",
  permissions: [{ actions: ["Microsoft.ContainerRegistry/registries/read"] }],
  assignableScopes: [scope],
});
await roles.roleAssignments.create(scope, assignmentName, {
  roleDefinitionId: role.id,
  principalId: identity.principalId,
  principalType: "ServicePrincipal",
});
const filter = `principalId eq '${identity.principalId}'`;
const assigned = roles.roleAssignments.listForScope(scope, { filter });
found.assigned = await listed(assigned, (one) => [one.name === assignmentName, one.roleDefinitionId === role.id]);
found.kept = await code(roles.roleDefinitions.delete(scope, roleName));
await roles.roleAssignments.delete(scope, assignmentName);
found.role = (await roles.roleDefinitions.delete(scope, roleName)).roleName === role.roleName;

const locks = new ManagementLockClient(credential, AZURE_SUBSCRIPTION_ID).managementLocks;
await locks.createOrUpdateAtResourceGroupLevel(group, "keep", { level: "CanNotDelete" });
found.locked = await code(manager.resourceGroups.delete(group));
found.locks = await listed(locks.listAtResourceGroupLevel(group), (one) => one.level);
await locks.deleteAtResourceGroupLevel(group, "keep");
await manager.resourceGroups.delete(group);
found.gone = await code(manager.resourceGroups.get(group));
console.log(JSON.stringify(found));
