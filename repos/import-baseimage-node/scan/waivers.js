// Exceptions that people have decided on: one advisory, one package, a reason, a last day.
'use strict';

const { InputError, parsePurl, readJson } = require('./findings');

const FIELDS = ['id', 'package', 'reason', 'expires'];

/** The waivers of a file. Throws InputError for one that does not say why, or until when. */
function readWaivers(file) {
  const { waivers } = readJson(file, 'the file of waivers') || {};
  if (!Array.isArray(waivers)) throw new InputError(`${file} has no list "waivers"`);
  return waivers.map((one, index) => {
    const refuse = (why) => {
      const name = one && typeof one.id === 'string' && one.id ? ` (${one.id})` : '';
      throw new InputError(`waiver ${index + 1}${name} in ${file} ${why}`);
    };
    if (!one || typeof one !== 'object') refuse('is not an object');
    const unknown = Object.keys(one).filter((name) => !FIELDS.includes(name));
    if (unknown.length) refuse(`has ${unknown.join(', ')}; it may have ${FIELDS.join(', ')}`);
    for (const name of FIELDS) {
      if (typeof one[name] !== 'string' || !one[name].trim()) refuse(`has no ${name}`);
    }
    if (!parsePurl(one.package) || parsePurl(one.package).version) {
      refuse('has a package that is not named like pkg:npm/lodash');
    }
    if (!isDate(one.expires)) refuse('has an expires that is not a date like 2026-12-31');
    return one;
  });
}

function isDate(text) {
  if (!/^\d{4}-\d{2}-\d{2}$/.test(text)) return false;
  const date = new Date(`${text}T00:00:00Z`);
  return !Number.isNaN(date.valueOf()) && date.toISOString().startsWith(text);
}

/** The waiver for a finding, or undefined; one that has not expired comes first. */
function waiverOf(finding, waivers, today) {
  const names = [finding.advisory.id, ...finding.advisory.aliases];
  const found = waivers.filter((one) => {
    const { type, name } = parsePurl(one.package);
    const same = type === finding.package.type && name === finding.package.name;
    return same && names.includes(one.id);
  });
  return found.find((one) => !hasExpired(one, today)) || found[0];
}

/** Whether the last day of a waiver is over; days are those of UTC. */
const hasExpired = (waiver, today) => waiver.expires < today;

module.exports = { readWaivers, waiverOf, hasExpired };
