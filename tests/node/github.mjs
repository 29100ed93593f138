// GitHub's own client: repositories of the account and of an organization, their branches and pages.
import { Octokit } from "@octokit/rest";
import { refusal } from "./common.mjs";

const { GIT_TOKEN, GITHUB_OWNER } = process.env;
const [name, organization, branch] = process.argv.slice(2);
const github = new Octokit({ auth: GIT_TOKEN, log: { debug() {}, info() {}, warn: console.error, error() {} } });
const where = { owner: GITHUB_OWNER, repo: name };
const found = {};

const refused = (promise) => refusal(promise, (error) => [error.status, error.response.data.message]);

found.user = (await github.rest.users.getAuthenticated()).data.login === GITHUB_OWNER;
found.owner = (await github.rest.users.getByUsername({ username: GITHUB_OWNER })).data.type;
if (branch) {
  // The repository has been pushed to: with branches, one a page.
  found.branches = (await github.paginate(github.rest.repos.listBranches, { ...where, per_page: 1 })).map((one) => one.name);
  found.commit = (await github.rest.repos.getBranch({ ...where, branch })).data.commit.sha;
  await github.rest.repos.delete(where);
  found.gone = await refused(github.rest.repos.get(where));
} else {
  const made = await github.rest.repos.createForAuthenticatedUser({ name, description: "mine", private: true });
  found.made = [made.status, made.data.private, made.data.permissions.admin];
  found.again = (await refused(github.rest.repos.createForAuthenticatedUser({ name })))[0];
  const other = await github.rest.repos.createInOrg({ org: organization, name });
  found.inOrganization = other.data.full_name;
  found.organization = (await github.rest.users.getByUsername({ username: organization })).data.type;
  found.description = (await github.rest.repos.get(where)).data.description;
  const mine = await github.paginate(github.rest.repos.listForAuthenticatedUser, { per_page: 1 });
  found.listed = mine.filter((one) => one.name === name).length;
  await github.rest.repos.delete({ owner: organization, repo: name });
  found.scopes = (await github.rest.users.getAuthenticated()).headers["x-oauth-scopes"].includes("repo");
}
console.log(JSON.stringify(found));
