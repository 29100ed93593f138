// What belongs to a registry, with Node's client: quotas, passwords, tokens, webhooks, cached repositories.
import { ContainerRegistryManagementClient } from "@azure/arm-containerregistry";
import { listed } from "./common.mjs";
import { credential } from "./credential.mjs";

const { AZURE_SUBSCRIPTION_ID } = process.env;
const [group, registry, receiver] = process.argv.slice(2);
const manager = new ContainerRegistryManagementClient(credential, AZURE_SUBSCRIPTION_ID);
const where = [group, registry];
const found = {};

async function signsIn(user, password) {
  const authorization = `Basic ${Buffer.from(`${user}:${password}`).toString("base64")}`;
  const answer = await fetch(`https://${registry}.azurecr.io/v2/`, { headers: { authorization } });
  await answer.text();
  return answer.status;
}

await manager.registries.update(...where, { adminUserEnabled: true });
const before = await manager.registries.listCredentials(...where);
const after = await manager.registries.regenerateCredential(...where, { name: "password" });
found.passwords = [
  await signsIn(registry, before.passwords[0].value),
  await signsIn(registry, after.passwords[0].value),
  await signsIn(registry, before.passwords[1].value),
];
await manager.registries.update(...where, { adminUserEnabled: false });

const scopeMap = await manager.scopeMaps.create(...where, "pulls", { actions: ["repositories/a/content/read"] });
const token = await manager.tokens.create(...where, "puller", { scopeMapId: scopeMap.id });
const made = await manager.registries.generateCredentials(...where, { tokenId: token.id });
found.token = [made.passwords.length, await signsIn("puller", made.passwords[0].value)];
await manager.tokens.update(...where, "puller", { status: "disabled" });
found.disabled = await signsIn("puller", made.passwords[0].value);
const usages = await manager.registries.listUsages(...where);
found.usages = usages.value.filter((one) => ["Tokens", "ScopeMaps"].includes(one.name)).map((one) => one.currentValue);

const hook = { location: "eastus", serviceUri: receiver, actions: ["push"], customHeaders: { "X-Key": "secret" } };
const webhook = await manager.webhooks.create(...where, "jshook", hook);
found.webhook = [webhook.status, webhook.actions];
found.config = (await manager.webhooks.getCallbackConfig(...where, "jshook")).customHeaders;
const ping = await manager.webhooks.ping(...where, "jshook");
found.events = (await listed(manager.webhooks.listEvents(...where, "jshook"), (one) => one.id === ping.id));
await manager.webhooks.delete(...where, "jshook");
found.webhooks = await listed(manager.webhooks.list(...where), (one) => one.name);

const rule = { sourceRepository: "mcr.microsoft.com/hello-world", targetRepository: "hello" };
await manager.cacheRules.create(...where, "hello", rule);
found.rules = await listed(manager.cacheRules.list(...where), (one) => [one.name, one.targetRepository]);
await manager.cacheRules.delete(...where, "hello");
found.tags = (await manager.registries.update(...where, { tags: { team: "a" } })).tags;
console.log(JSON.stringify(found));
