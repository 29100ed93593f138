// node sbom.js IMAGE TAG
// What is in the image? Takes the SBOM that is attached to its digest; if there is none, Syft makes
// one of exactly that digest, and it is attached. TAG names the SBOM in the repository, too.
//
// node sbom.js IMAGE --attached
// Takes the SBOM that is attached; an image without one is an error. Nothing is pushed.
'use strict';

const { execFileSync } = require('child_process');
const os = require('os');
const { InputError, packagesOf } = require('./findings');
const { Repository, parseReference } = require('./registry');
const evidence = require('./evidence');

const SYFT = {
  ...process.env,
  SYFT_CHECK_FOR_APP_UPDATE: 'false',
  // CycloneDX lists packages and not their files, whose digests take a quarter of the time.
  SYFT_FILE_METADATA_SELECTION: 'none',
  SYFT_PARALLELISM: `${os.cpus().length}`,
};

/** The attached SBOM, or null. One that is not about this digest does not count. */
async function attached(repository, digest) {
  for (const one of await repository.referrers(digest, evidence.TYPES[evidence.SBOM])) {
    try {
      const data = await repository.file(one.digest, evidence.SBOM);
      packagesOf(JSON.parse(data), digest);
      return data;
    } catch (error) {
      console.log(`The SBOM ${one.digest} is not used: ${error.message}`);
    }
  }
  return null;
}

function make(image) {
  const target = evidence.place(evidence.SBOM);
  const words = ['scan', `registry:${image}`, '--quiet', '-o', `cyclonedx-json=${target}`];
  execFileSync('syft', words, { env: SYFT, stdio: ['ignore', 'inherit', 'inherit'] });
}

evidence.main(async ([name, tag]) => {
  if (!name || !tag) throw new InputError('usage: sbom.js IMAGE TAG | sbom.js IMAGE --attached');
  const onlyAttached = tag === '--attached';
  const { server, repository, tag: asked, digest: given } = parseReference(name);
  const client = new Repository(server, repository, onlyAttached ? 'pull' : 'pull,push');
  const subject = await client.descriptor(given || asked);
  const image = `${server}/${repository}@${subject.digest}`;
  evidence.writeJson(evidence.SUBJECT, { server, repository, tag: asked, descriptor: subject });
  const known = await attached(client, subject.digest);
  if (known) evidence.write(evidence.SBOM, known);
  else if (onlyAttached) throw new InputError(`${image} has no SBOM attached: stage it first`);
  else make(image);
  const { length } = packagesOf(evidence.read(evidence.SBOM, 'the SBOM'), subject.digest);
  console.log(`${image}\n${known ? 'The SBOM attached to it' : 'A new SBOM'} lists ${length} packages`);
  if (!onlyAttached) await evidence.attach(client, subject, evidence.SBOM, tag);
});
