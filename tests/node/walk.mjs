// Node's SDK of Azure, as it is, from a group to an image and a secret. Tells what it has found as JSON.
import { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import { ResourceManagementClient } from "@azure/arm-resources";
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { ClientSecretCredential } from "@azure/identity";
import { SecretClient } from "@azure/keyvault-secrets";

const { AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET, AZURE_SUBSCRIPTION_ID } = process.env;
const [group, registry, vault] = process.argv.slice(2);
const credential = new ClientSecretCredential(AZURE_TENANT_ID, AZURE_CLIENT_ID, AZURE_CLIENT_SECRET);
const found = {};

const resources = new ResourceManagementClient(credential, AZURE_SUBSCRIPTION_ID);
await resources.resourceGroups.createOrUpdate(group, { location: "westeurope", tags: { team: "a" } });
found.group = (await resources.resourceGroups.get(group)).tags;

const manager = new ContainerRegistryManagementClient(credential, AZURE_SUBSCRIPTION_ID);
const wanted = { location: "westeurope", sku: { name: "Standard" }, adminUserEnabled: false };
const made = await manager.registries.create(group, registry, wanted);
found.loginServer = made.loginServer;
found.registries = [];
for await (const one of manager.registries.listByResourceGroup(group)) found.registries.push(one.name);
try {
  await manager.registries.get(group, "nothere1");
} catch (error) {
  found.missing = error.code;
}

const endpoint = `https://${made.loginServer}`;
const content = new ContainerRegistryContentClient(endpoint, "team/app", credential);
const config = await content.uploadBlob(Buffer.from("{}"));
const layer = await content.uploadBlob(Buffer.from("a layer"));
const manifest = {
  schemaVersion: 2,
  config: { digest: config.digest, size: config.sizeInBytes, mediaType: "application/vnd.oci.image.config.v1+json" },
  layers: [{ digest: layer.digest, size: layer.sizeInBytes, mediaType: "application/vnd.oci.image.layer.v1.tar" }],
};
const set = await content.setManifest(manifest, { tag: "1.0" });
found.same = (await content.getManifest("1.0")).digest === set.digest;
const images = new ContainerRegistryClient(endpoint, credential);
found.repositories = [];
for await (const one of images.listRepositoryNames()) found.repositories.push(one);
const artifact = images.getArtifact("team/app", "1.0");
await artifact.updateTagProperties("1.0", { canDelete: false });
found.locked = (await artifact.getTagProperties("1.0")).canDelete === false;
try {
  await artifact.deleteTag("1.0");
} catch (error) {
  found.refused = error.statusCode;
}
found.manifests = [];
for await (const one of images.getRepository("team/app").listManifestProperties()) found.manifests.push(one.tags);

const secrets = new SecretClient(`https://${vault}.vault.azure.net`, credential);
await secrets.setSecret("pin", "1234", { contentType: "text" });
found.secret = (await secrets.getSecret("pin")).value;
await (await secrets.beginDeleteSecret("pin")).pollUntilDone();
found.deleted = (await secrets.getDeletedSecret("pin")).name;
await manager.registries.delete(group, registry);
console.log(JSON.stringify(found));
