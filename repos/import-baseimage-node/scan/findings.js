// What is known about the packages of an image: its SBOM matched against a database of advisories.
'use strict';

const fs = require('fs');
const path = require('path');
const versions = require('./versions');

// As the GitHub Advisory Database names them, from harmless to bad.
const SEVERITIES = ['LOW', 'MODERATE', 'HIGH', 'CRITICAL'];

/** Input that no verdict can be built on; its message says what is wrong with what, and where. */
class InputError extends Error {}

/** The content of a JSON file. Throws InputError. */
function readJson(file, what) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    throw new InputError(`${what} ${file} is unreadable: ${error.message}`);
  }
}

// -- packages -------------------------------------------------------------------------------------

/** "pkg:npm/%40scope/name@1.0.0?arch=x" as {type, name, version}, or null. Source: purl-spec. */
function parsePurl(text) {
  const found = /^pkg:([^/]+)\/([^?#]+)/.exec(text || '');
  if (!found) return null;
  const at = found[2].lastIndexOf('@');
  const [name, version] = at > 0 ? [found[2].slice(0, at), found[2].slice(at + 1)] : [found[2], ''];
  try {
    return {
      type: found[1].toLowerCase(),
      name: name.split('/').map(decodeURIComponent).join('/'),
      version: decodeURIComponent(version),
    };
  } catch {
    return null;
  }
}

/** The packages that an SBOM in CycloneDX lists, each once, if it is about that digest. */
function packagesOf(sbom, digest) {
  const about = ((sbom.metadata || {}).component || {});
  if (sbom.bomFormat !== 'CycloneDX' || !Array.isArray(sbom.components)) {
    throw new InputError('the SBOM is not in the format CycloneDX, with a list of components');
  }
  if (about.version !== digest) {
    throw new InputError(
      `the SBOM is of another image: it describes ${about.name || 'something'}@` +
        `${about.version || '(no digest)'}, and the image to judge is ${digest}`,
    );
  }
  const packages = new Map();
  for (const one of sbom.components) {
    const found = parsePurl(one.purl);
    if (found) packages.set(`${found.type}/${found.name}@${found.version}`, found);
  }
  if (!packages.size) throw new InputError('the SBOM lists no package: nothing could be judged');
  return [...packages.values()];
}

// -- advisories -----------------------------------------------------------------------------------

/** The advisories in a folder: records in OSV format, one in each file. Throws InputError. */
function readDatabase(folder) {
  let files;
  try {
    files = fs.readdirSync(folder).filter((name) => name.endsWith('.json')).sort();
  } catch (error) {
    throw new InputError(`the advisory database is unreadable: ${error.message}`);
  }
  if (!files.length) {
    throw new InputError(
      `the advisory database is unreadable: ${folder} has no records. ` +
        'A scanner that knows nothing finds nothing',
    );
  }
  return files.map((name) => readAdvisory(path.join(folder, name))).filter(Boolean);
}

function readAdvisory(file) {
  const record = readJson(file, 'the advisory database is unreadable:');
  const refuse = (why) => {
    throw new InputError(`the advisory database is unreadable: ${file} has ${why}`);
  };
  if (!record || typeof record.id !== 'string' || !record.id) refuse('no id');
  if (record.withdrawn) return null;
  const severity = (record.database_specific || {}).severity;
  if (!SEVERITIES.includes(severity)) refuse(`no severity among ${SEVERITIES.join(', ')}`);
  if (!Array.isArray(record.affected) || !record.affected.length) refuse('no affected packages');
  const events = (range, name) => {
    if (!['SEMVER', 'ECOSYSTEM'].includes((range || {}).type)) {
      refuse(`a range of ${name} of the type ${(range || {}).type}`);
    }
    try {
      return versions.readEvents(range.events);
    } catch (error) {
      return refuse(`${error.message}, for ${name}`);
    }
  };
  const affected = record.affected.map((one) => {
    const { ecosystem, name } = (one || {}).package || {};
    // Each ecosystem orders its versions in its own way. Those of npm are semantic versions.
    if (ecosystem !== 'npm') refuse(`the ecosystem ${ecosystem}, whose versions it cannot compare`);
    if (typeof name !== 'string' || !name) refuse('an affected package without a name');
    const { ranges = [], versions: listed = [] } = one;
    if (!Array.isArray(ranges) || !Array.isArray(listed) || !(ranges.length || listed.length)) {
      refuse(`neither ranges nor versions of ${name}`);
    }
    return { name, versions: listed, ranges: ranges.map((range) => events(range, name)) };
  });
  return {
    id: record.id,
    aliases: record.aliases || [],
    summary: record.summary || '',
    modified: record.modified || '',
    severity,
    affected,
  };
}

/** Every advisory that concerns one of the packages: ``[{advisory, package, fixed}]``. */
function match(packages, advisories) {
  const found = new Map();
  for (const one of packages) {
    if (one.type !== 'npm') continue;
    for (const advisory of advisories) {
      for (const affected of advisory.affected.filter((entry) => entry.name === one.name)) {
        const hit = hits(one, affected);
        const key = `${advisory.id} ${one.name}@${one.version}`;
        if (hit && !(found.has(key) && found.get(key).fixed)) {
          found.set(key, { advisory, package: one, fixed: hit.fixed });
        }
      }
    }
  }
  const rank = (finding) => SEVERITIES.indexOf(finding.advisory.severity);
  return [...found.values()].sort(
    (a, b) => rank(b) - rank(a) || (a.advisory.id < b.advisory.id ? -1 : 1),
  );
}

function hits(one, affected) {
  if (affected.versions.includes(one.version)) return { fixed: '' };
  const version = versions.parse(one.version);
  if (!version) {
    throw new InputError(
      `the SBOM has ${one.name} in the version ${JSON.stringify(one.version)}, which cannot be ` +
        'compared with what the advisories say',
    );
  }
  for (const events of affected.ranges) {
    const { affected: inside, fixed } = versions.within(events, version);
    if (inside) return { fixed };
  }
  return null;
}

module.exports = { InputError, SEVERITIES, readJson, parsePurl, packagesOf, readDatabase, match };
