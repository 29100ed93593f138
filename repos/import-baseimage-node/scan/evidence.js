// What the programs of the gate hand on to one another: files in a folder of the workspace.
'use strict';

const fs = require('fs');
const path = require('path');
const { InputError, readJson } = require('./findings');

const FOLDER = process.env.EVIDENCE || 'evidence';
const SUBJECT = 'subject.json'; // which image all of this is about
const SBOM = 'sbom.cdx.json';
const REPORT = 'report.sarif.json';
const TYPES = { [SBOM]: 'application/vnd.cyclonedx+json', [REPORT]: 'application/sarif+json' };

const place = (name) => path.join(FOLDER, name);

function write(name, data) {
  fs.mkdirSync(FOLDER, { recursive: true });
  fs.writeFileSync(place(name), data);
}

const writeJson = (name, value) => write(name, `${JSON.stringify(value, null, 2)}\n`);
const read = (name, what) => readJson(place(name), what);

/** Attach one of the files to its image, and give it a tag of its own, too. */
async function attach(client, descriptor, name, tag) {
  const data = fs.readFileSync(place(name));
  const digest = await client.attach(descriptor, TYPES[name], name, data, tag);
  console.log(`Attached ${name} (${TYPES[name]}): ${digest}`);
}

/** Run a program; an error is one line, exit status 2: no verdict. ``work`` gives the status. */
async function main(work) {
  try {
    process.exitCode = (await work(process.argv.slice(2))) || 0;
  } catch (error) {
    const known = error instanceof InputError || error.constructor === Error;
    console.error(`NO VERDICT: ${known ? error.message : error.stack}`);
    process.exitCode = 2;
  }
}

module.exports = { SUBJECT, SBOM, REPORT, TYPES, place, write, writeJson, read, attach, main };
