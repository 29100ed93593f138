// node verdict.js [POLICY]
// May this image come in? Judges the SBOM of the image by the advisories, the policy and the
// waivers beside this file, and writes a report in the format SARIF 2.1.0.
// POLICY: an artifact, registry/repository@sha256:…, whose policy.json counts instead.
// Exit status: 0 it may; 1 it may not; 2 there is no verdict, because some input is not good.
'use strict';

const path = require('path');
const {
  InputError, SEVERITIES, match, packagesOf, readDatabase, readJson,
} = require('./findings');
const { Repository, parseReference } = require('./registry');
const { hasExpired, readWaivers, waiverOf } = require('./waivers');
const evidence = require('./evidence');

const beside = (name) => path.join(__dirname, name);
const TODAY = process.env.TODAY || new Date().toISOString().slice(0, 10);

// -- what it judges by ----------------------------------------------------------------------------

/** The policy, and where it is from. Throws InputError. */
async function readPolicy(artifact) {
  let from = 'policy.json';
  let policy;
  if (artifact) {
    const { server, repository, digest } = parseReference(artifact);
    if (!digest) throw new InputError(`${artifact}: a policy is named by its digest, for tags move`);
    const data = await new Repository(server, repository, 'pull').file(digest, 'policy.json');
    from = artifact;
    try {
      policy = JSON.parse(data);
    } catch (error) {
      throw new InputError(`the policy ${artifact} is unreadable: ${error.message}`);
    }
  } else {
    policy = readJson(beside('policy.json'), 'the policy');
  }
  const { failOn, onlyFixed, endOfLife = 'note' } = policy || {};
  const fine = SEVERITIES.includes(failOn) && typeof onlyFixed === 'boolean';
  if (!fine || !['note', 'fail'].includes(endOfLife)) {
    throw new InputError(
      `the policy ${from} needs "failOn" (${SEVERITIES.join(', ')}), "onlyFixed" (true, false) ` +
        'and may have "endOfLife" (note, fail)',
    );
  }
  return { failOn, onlyFixed, endOfLife, from };
}

/** Release lines of Node.js in the image that get no more repairs, by its tag and its packages. */
function endOfLife(subject, packages) {
  const { node } = readJson(beside('end-of-life.json'), 'the list of release lines');
  const tagged = subject.repository.split('/').pop() === 'node' ? [subject.tag] : [];
  const inside = packages.filter((one) => one.type === 'generic' && one.name === 'node');
  const named = [...tagged, ...inside.map((one) => one.version)];
  const lines = new Set(named.map((one) => (/^\d+/.exec(one) || [''])[0]));
  return [...lines].filter((line) => line in node && node[line] < TODAY).map((line) =>
    `Node.js ${line} reached its end of life on ${node[line]}: its holes are not repaired any more`);
}

// -- the verdict ----------------------------------------------------------------------------------

/** What becomes of a finding: refused, waived or only reported, and why. */
function judge(finding, policy, waivers) {
  const { advisory, fixed } = finding;
  const severe = SEVERITIES.indexOf(advisory.severity) >= SEVERITIES.indexOf(policy.failOn);
  const fix = fixed ? `fixed in ${fixed}` : 'no fix yet';
  if (!severe || (policy.onlyFixed && !fixed)) return { ...finding, verdict: 'REPORTED', why: fix };
  const waiver = waiverOf(finding, waivers, TODAY);
  if (!waiver) return { ...finding, verdict: 'REFUSED', why: fix };
  if (hasExpired(waiver, TODAY)) {
    return { ...finding, verdict: 'REFUSED', why: `${fix}; its waiver expired on ${waiver.expires}` };
  }
  return { ...finding, verdict: 'WAIVED', why: `until ${waiver.expires}: ${waiver.reason}`, waiver };
}

const nameOf = ({ package: one }) => `${one.name} ${one.version}`;

function sarif(subject, judged, notes) {
  const levels = { LOW: 'note', MODERATE: 'warning', HIGH: 'error', CRITICAL: 'error' };
  const rules = new Map(judged.map(({ advisory }) => [advisory.id, {
    id: advisory.id,
    shortDescription: { text: advisory.summary },
    helpUri: `https://osv.dev/vulnerability/${advisory.id}`,
    properties: { severity: advisory.severity },
  }]));
  const image = `${subject.server}/${subject.repository}@${subject.descriptor.digest}`;
  const location = { physicalLocation: { artifactLocation: { uri: `oci://${image}` } } };
  const results = judged.map((one) => ({
    ruleId: one.advisory.id,
    level: levels[one.advisory.severity],
    message: { text: `${nameOf(one)}: ${one.why}` },
    locations: [location],
    suppressions: one.waiver
      ? [{ kind: 'external', status: 'accepted', justification: one.waiver.reason }]
      : [],
    properties: { verdict: one.verdict },
  }));
  const notifications = notes.map((text) => ({ level: 'warning', message: { text } }));
  const invocations = [
    { executionSuccessful: true, toolExecutionNotifications: notifications },
  ];
  const driver = { name: 'gate', rules: [...rules.values()] };
  return {
    $schema: 'https://json.schemastore.org/sarif-2.1.0.json',
    version: '2.1.0',
    runs: [{ tool: { driver }, invocations, results }],
  };
}

evidence.main(async ([artifact]) => {
  const subject = evidence.read(evidence.SUBJECT, 'what the verdict is about');
  const sbom = evidence.read(evidence.SBOM, 'the SBOM');
  const packages = packagesOf(sbom, subject.descriptor.digest);
  const advisories = readDatabase(beside('advisories'));
  const waivers = readWaivers(beside('waivers.json'));
  const policy = await readPolicy(artifact);
  const judged = match(packages, advisories).map((one) => judge(one, policy, waivers));
  const notes = endOfLife(subject, packages);
  evidence.writeJson(evidence.REPORT, sarif(subject, judged, notes));

  const fixed = policy.onlyFixed ? ' that have a fix' : '';
  const newest = advisories.map((one) => one.modified.slice(0, 10)).sort().pop();
  console.log(`JUDGED ${packages.length} packages by ${advisories.length} advisories, the newest of ` +
    `${newest}: a selection, not all that is known`);
  console.log(`POLICY ${policy.from}: refuse ${policy.failOn} and above${fixed}`);
  for (const text of notes) console.log(`NOTE ${text}`);
  for (const one of judged) {
    console.log(`${one.verdict} ${one.advisory.severity} ${one.advisory.id} ${nameOf(one)}: ${one.why}`);
  }
  const refused = judged.filter((one) => one.verdict === 'REFUSED').length;
  const ended = policy.endOfLife === 'fail' ? notes.length : 0;
  if (refused + ended) {
    const count = refused === 1 ? '1 vulnerability' : `${refused} vulnerabilities`;
    const what = [refused && count, ended && 'a release line without repairs'];
    console.log(`VERDICT it may not come in: ${what.filter(Boolean).join(' and ')}`);
    return 1;
  }
  console.log('VERDICT it may come in');
  return 0;
});
