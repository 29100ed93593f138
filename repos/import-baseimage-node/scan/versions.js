// Versions and the ranges that an advisory says are affected.
// Order: https://semver.org, section 11. Ranges: https://ossf.github.io/osv-schema/, "affected[].ranges[]".
'use strict';

const VERSION = /^v?(\d+)(?:\.(\d+))?(?:\.(\d+))?(?:-([0-9A-Za-z.-]+))?(?:\+[0-9A-Za-z.-]+)?$/;

/** A version in its parts, or null when it is none. */
function parse(text) {
  const found = VERSION.exec(text);
  if (!found) return null;
  const [, major, minor = '0', patch = '0', more = ''] = found;
  return { numbers: [major, minor, patch].map(BigInt), more: more ? more.split('.') : [] };
}

const order = (a, b) => (a < b ? -1 : a > b ? 1 : 0);

function compareIdentifiers(a, b) {
  const numeric = [a, b].map((one) => /^\d+$/.test(one));
  if (numeric[0] && numeric[1]) return order(BigInt(a), BigInt(b));
  if (numeric[0] !== numeric[1]) return numeric[0] ? -1 : 1; // numbers come first
  return order(a, b);
}

/** Negative, 0 or positive, as ``a`` comes before, with or after ``b``: two parsed versions. */
function compare(a, b) {
  for (let index = 0; index < 3; index += 1) {
    const found = order(a.numbers[index], b.numbers[index]);
    if (found) return found;
  }
  if (!a.more.length || !b.more.length) return b.more.length - a.more.length; // 1.0.0-rc before 1.0.0
  for (let index = 0; index < Math.min(a.more.length, b.more.length); index += 1) {
    const found = compareIdentifiers(a.more[index], b.more[index]);
    if (found) return found;
  }
  return a.more.length - b.more.length;
}

const LIMITS = { introduced: 0, fixed: 1, last_affected: 2 };

/** The events of a range in order, parsed. Throws an Error that names what cannot be read. */
function readEvents(events) {
  if (!Array.isArray(events) || !events.some((one) => one && 'introduced' in one)) {
    throw new Error('a range without an event "introduced"');
  }
  const read = events.map((event) => {
    const [[kind, text], ...others] = Object.entries(event);
    const version = typeof text === 'string' ? parse(text) : null;
    if (others.length || !(kind in LIMITS) || !version) {
      throw new Error(`an event that it does not understand: ${JSON.stringify(event)}`);
    }
    return { kind, text, version };
  });
  return read.sort((a, b) => compare(a.version, b.version) || LIMITS[b.kind] - LIMITS[a.kind]);
}

/** Whether a parsed version is in a range, and the next version that is not: ``{affected, fixed}``. */
function within(events, version) {
  let affected = false;
  for (const one of events) {
    const after = compare(version, one.version);
    if (one.kind === 'introduced' && after >= 0) affected = true;
    else if (one.kind === 'fixed' && after >= 0) affected = false;
    else if (one.kind === 'last_affected' && after > 0) affected = false;
  }
  const next = events.find((one) => one.kind === 'fixed' && compare(version, one.version) < 0);
  return { affected, fixed: affected && next ? next.text : '' };
}

module.exports = { parse, compare, readEvents, within };
