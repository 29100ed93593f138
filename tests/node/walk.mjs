// Node's SDK of Azure, as it is, from a group to an image and a secret. Tells what it has found as JSON.
import { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import { ResourceManagementClient } from "@azure/arm-resources";
import { ContainerRegistryClient, ContainerRegistryContentClient } from "@azure/container-registry";
import { SecretClient } from "@azure/keyvault-secrets";
import { listed, refusal } from "./common.mjs";
import { credential } from "./credential.mjs";

const { AZURE_SUBSCRIPTION_ID } = process.env;
const [group, registry, vault] = process.argv.slice(2);
const found = {};

const resources = new ResourceManagementClient(credential, AZURE_SUBSCRIPTION_ID);
await resources.resourceGroups.createOrUpdate(group, { location: "westeurope", tags: { team: "a" } });
found.group = (await resources.resourceGroups.get(group)).tags;

const manager = new ContainerRegistryManagementClient(credential, AZURE_SUBSCRIPTION_ID);
const wanted = { location: "westeurope", sku: { name: "Standard" }, adminUserEnabled: false };
const made = await manager.registries.create(group, registry, wanted);
found.loginServer = made.loginServer;
found.registries = await listed(manager.registries.listByResourceGroup(group), (one) => one.name);
found.missing = await refusal(manager.registries.get(group, "nothere1"), (error) => error.code);

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
found.repositories = await listed(images.listRepositoryNames(), (one) => one);
const artifact = images.getArtifact("team/app", "1.0");
await artifact.updateTagProperties("1.0", { canDelete: false });
found.locked = (await artifact.getTagProperties("1.0")).canDelete === false;
found.refused = await refusal(artifact.deleteTag("1.0"), (error) => error.statusCode);
found.manifests = await listed(images.getRepository("team/app").listManifestProperties(), (one) => one.tags);

const secrets = new SecretClient(`https://${vault}.vault.azure.net`, credential);
await secrets.setSecret("pin", "1234", { contentType: "text" });
found.secret = (await secrets.getSecret("pin")).value;
await (await secrets.beginDeleteSecret("pin")).pollUntilDone();
found.deleted = (await secrets.getDeletedSecret("pin")).name;
await manager.registries.delete(group, registry);
console.log(JSON.stringify(found));
