// Microsoft's client of Graph: an application, its service principal and secrets, and who may see them.
import { ClientSecretCredential } from "@azure/identity";
import { Client, PageIterator } from "@microsoft/microsoft-graph-client";
import { TokenCredentialAuthenticationProvider } from "@microsoft/microsoft-graph-client/authProviders/azureTokenCredentials/index.js";
import { refusal } from "./common.mjs";
import { credential } from "./credential.mjs";

const { AZURE_TENANT_ID } = process.env;
const [name] = process.argv.slice(2);
const scopes = ["https://graph.microsoft.com/.default"];
const authProvider = new TokenCredentialAuthenticationProvider(credential, { scopes });
const graph = Client.initWithMiddleware({ authProvider });
const found = {};

const refused = (promise) => refusal(promise, (error) => [error.statusCode, error.code]);

async function signsIn(appId, secret) {
  try {
    await new ClientSecretCredential(AZURE_TENANT_ID, appId, secret).getToken(scopes);
    return true;
  } catch (error) {
    return String(error).match(/7000\d{3}/)?.[0];
  }
}

const made = await graph.api("/applications").post({ displayName: name });
const application = graph.api(`/applications/${made.id}`);
found.application = [(await application.get()).displayName === name, made.signInAudience];
const secret = await graph.api(`/applications/${made.id}/addPassword`).post({ passwordCredential: { displayName: "one" } });
found.withoutPrincipal = await signsIn(made.appId, secret.secretText);
const principal = await graph.api("/servicePrincipals").post({ appId: made.appId });
found.signsIn = await signsIn(made.appId, secret.secretText);
found.byApplication = (await graph.api(`/servicePrincipals(appId='${made.appId}')`).get()).id === principal.id;
const own = await graph.api(`/servicePrincipals/${principal.id}/addPassword`).post({ passwordCredential: { displayName: "own" } });
found.ownSignsIn = await signsIn(made.appId, own.secretText);
await graph.api(`/servicePrincipals/${principal.id}/removePassword`).post({ keyId: own.keyId });
found.ownRemoved = await signsIn(made.appId, own.secretText);
await graph.api(`/applications/${made.id}/removePassword`).post({ keyId: secret.keyId });
found.removed = await signsIn(made.appId, secret.secretText);
await application.patch({ displayName: `${name}-b` });
const renamed = await graph.api("/servicePrincipals").filter(`displayName eq '${name}-b'`).get();
found.renamed = renamed.value.map((one) => one.id === principal.id);
found.owners = [
  (await graph.api(`/applications/${made.id}/owners`).get()).value.length,
  (await graph.api(`/servicePrincipals/${principal.id}/owners`).get()).value.length,
];
const ids = { ids: [principal.id], types: ["servicePrincipal"] };
const objects = await graph.api("/directoryObjects/getByIds").post(ids);
found.objects = objects.value.map((one) => one["@odata.type"]);
found.nobody = (await graph.api("/users").filter("mail eq 'a@b.c'").get()).value;
found.me = await refused(graph.api("/me").get());

// A listing of several pages: of what is there now, every application is seen once.
const others = [];
for (const number of [1, 2, 3]) others.push(await graph.api("/applications").post({ displayName: `${name}-${number}` }));
const seen = [];
const first = await graph.api("/applications").filter(`startswith(displayName,'${name}')`).top(2).get();
await new PageIterator(graph, first, (one) => seen.push(one.displayName)).iterate();
found.pages = [first.value.length, seen.map((one) => one.slice(name.length)).sort()];

for (const one of others) await graph.api(`/applications/${one.id}`).delete();
await graph.api(`/servicePrincipals/${principal.id}`).delete();
await application.delete();
found.gone = await refused(application.get());
console.log(JSON.stringify(found));
