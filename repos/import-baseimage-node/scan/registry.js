// A small client of registries: https://github.com/opencontainers/distribution-spec.
// It logs in with what the run is logged in to (~/.docker/config.json). With NODE_USE_ENV_PROXY,
// Node's fetch takes the way that HTTPS_PROXY names; without a proxy it goes straight.
'use strict';

const crypto = require('crypto');
const fs = require('fs');
const os = require('os');
const path = require('path');
const { InputError } = require('./findings');

const OCI_MANIFEST = 'application/vnd.oci.image.manifest.v1+json';
const OCI_INDEX = 'application/vnd.oci.image.index.v1+json';
const IMAGES = [
  OCI_MANIFEST,
  OCI_INDEX,
  'application/vnd.docker.distribution.manifest.v2+json',
  'application/vnd.docker.distribution.manifest.list.v2+json',
];
const EMPTY = { mediaType: 'application/vnd.oci.empty.v1+json', data: Buffer.from('{}') };
const TITLE = 'org.opencontainers.image.title';

const digestOf = (data) => `sha256:${crypto.createHash('sha256').update(data).digest('hex')}`;

/** "server/repository:tag" or "server/repository@digest" in its parts. Throws InputError. */
function parseReference(text) {
  const found = /^([^/]+\.[^/]+)\/([^@:]+)(?::([\w][\w.-]*))?(?:@(sha256:[0-9a-f]{64}))?$/.exec(text);
  if (!found || !(found[3] || found[4])) {
    throw new InputError(
      `${text} is not an image: name it like registry.azurecr.io/repository:tag, or @sha256:…`,
    );
  }
  const [, server, repository, tag = '', digest = ''] = found;
  return { server, repository, tag, digest };
}

function credentialsOf(server) {
  const folder = process.env.DOCKER_CONFIG || path.join(os.homedir(), '.docker');
  let auths = {};
  try {
    auths = JSON.parse(fs.readFileSync(path.join(folder, 'config.json'), 'utf8')).auths || {};
  } catch (error) {
    if (error.code !== 'ENOENT') throw new InputError(`${folder}/config.json: ${error.message}`);
  }
  const found = auths[server] || auths[`https://${server}`] || {};
  return { basic: found.auth || '', refresh: found.identitytoken || '' };
}

/** One repository of one registry; ``actions`` are what its token is for, like "pull,push". */
class Repository {
  constructor(server, name, actions) {
    Object.assign(this, { server, name, actions, token: '' });
  }

  /** The answer to a request. Throws an Error unless its status is 2xx, or among ``expected``. */
  async request(method, place, { headers = {}, body, expected = [] } = {}) {
    const url = new URL(place, `https://${this.server}/v2/${this.name}/`);
    const send = () => {
      const authorization = this.token ? { Authorization: `Bearer ${this.token}` } : {};
      return reach(url, { method, body, headers: { ...headers, ...authorization } });
    };
    let answer = await send();
    if (answer.status === 401 && !this.token) {
      await answer.arrayBuffer();
      this.token = await this.authenticate(answer.headers.get('www-authenticate') || '');
      answer = await send();
    }
    if (answer.ok || expected.includes(answer.status)) return answer;
    const said = (await answer.text()).slice(0, 500);
    throw new Error(`${method} ${url.host}${url.pathname}: HTTP ${answer.status} ${said}`);
  }

  async authenticate(challenge) {
    const field = (name) => (new RegExp(`${name}="([^"]*)"`).exec(challenge) || [])[1] || '';
    const scope = `repository:${this.name}:${this.actions}`;
    const { basic, refresh } = credentialsOf(this.server);
    const realm = new URL(field('realm'), `https://${this.server}`);
    let answer;
    if (refresh) {
      const form = { grant_type: 'refresh_token', service: field('service'), scope };
      const body = new URLSearchParams({ ...form, client_id: 'gate', refresh_token: refresh });
      answer = await reach(realm, { method: 'POST', body });
    } else {
      realm.searchParams.set('service', field('service'));
      realm.searchParams.set('scope', scope);
      answer = await reach(realm, { headers: basic ? { Authorization: `Basic ${basic}` } : {} });
    }
    if (!answer.ok) {
      const who = basic || refresh ? 'the login of this run' : 'nobody: this run has no login there';
      throw new Error(`${this.server} gives no token to ${who}: HTTP ${answer.status}`);
    }
    const { access_token: access, token } = await answer.json();
    return access || token;
  }

  /** The descriptor of a tag or digest: media type, digest, size. Throws an Error. */
  async descriptor(reference) {
    const { data, mediaType } = await this.manifest(reference);
    return { mediaType, digest: digestOf(data), size: data.length };
  }

  async manifest(reference) {
    const headers = { Accept: IMAGES.join(', ') };
    const answer = await this.request('GET', `manifests/${reference}`, { headers });
    const data = Buffer.from(await answer.arrayBuffer());
    if (reference.startsWith('sha256:') && digestOf(data) !== reference) {
      throw new Error(`${this.server}/${this.name}@${reference} has other content than its digest`);
    }
    return { data, mediaType: answer.headers.get('content-type').split(';')[0] };
  }

  async blob(digest) {
    const answer = await this.request('GET', `blobs/${digest}`);
    const data = Buffer.from(await answer.arrayBuffer());
    if (digestOf(data) !== digest) {
      throw new Error(`${this.server}/${this.name}@${digest} has other content than its digest`);
    }
    return data;
  }

  /** What is attached to a digest, of one artifact type: descriptors. */
  async referrers(digest, artifactType) {
    const query = `referrers/${digest}?artifactType=${encodeURIComponent(artifactType)}`;
    const index = await (await this.request('GET', query)).json();
    return index.manifests.filter((one) => one.artifactType === artifactType);
  }

  async upload(data) {
    const digest = digestOf(data);
    const known = await this.request('HEAD', `blobs/${digest}`, { expected: [404] });
    if (known.ok) return digest;
    const begun = await this.request('POST', 'blobs/uploads/');
    const target = new URL(begun.headers.get('location'), `https://${this.server}`);
    target.searchParams.set('digest', digest);
    const headers = { 'Content-Type': 'application/octet-stream' };
    await this.request('PUT', target.href, { headers, body: data });
    return digest;
  }

  /** Attach a file to an image, under a tag of its own too; the digest of the referrer. */
  async attach(subject, artifactType, title, data, tag) {
    const layer = { mediaType: artifactType, digest: await this.upload(data), size: data.length };
    const config = {
      mediaType: EMPTY.mediaType,
      digest: await this.upload(EMPTY.data),
      size: EMPTY.data.length,
    };
    // No date: the same file is the same referrer, however often it is attached.
    const manifest = Buffer.from(JSON.stringify({
      schemaVersion: 2,
      mediaType: OCI_MANIFEST,
      artifactType,
      config,
      layers: [{ ...layer, annotations: { [TITLE]: title } }],
      subject,
    }));
    const headers = { 'Content-Type': OCI_MANIFEST };
    await this.request('PUT', `manifests/${tag}`, { headers, body: manifest });
    return digestOf(manifest);
  }

  /** The content of a file in an artifact, by its title. Throws InputError when there is none. */
  async file(digest, title) {
    const { layers = [] } = JSON.parse((await this.manifest(digest)).data);
    const named = layers.find((one) => path.basename((one.annotations || {})[TITLE] || '') === title);
    if (!named) {
      throw new InputError(`${this.server}/${this.name}@${digest} is no artifact with a ${title}`);
    }
    return this.blob(named.digest);
  }
}

/** fetch, whose errors say what could not be reached. */
async function reach(url, options) {
  try {
    return await fetch(url, options);
  } catch (error) {
    throw new Error(`${url.host} cannot be reached: ${(error.cause || error).message}`);
  }
}

module.exports = { Repository, parseReference, TITLE };
