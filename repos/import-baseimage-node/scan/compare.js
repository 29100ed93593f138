// node compare.js IMAGE
// Is that image, in another registry, the one that was tested and scanned? Compares the digests.
'use strict';

const { InputError } = require('./findings');
const { Repository, parseReference } = require('./registry');
const evidence = require('./evidence');

evidence.main(async ([name]) => {
  if (!name) throw new InputError('usage: compare.js IMAGE');
  const { server, repository, tag, digest } = parseReference(name);
  const found = await new Repository(server, repository, 'pull').descriptor(digest || tag);
  const { descriptor } = evidence.read(evidence.SUBJECT, 'what the verdict is about');
  const same = found.digest === descriptor.digest;
  console.log(`judged    ${descriptor.digest}\npromoted  ${found.digest}`);
  if (!same) console.error(`REFUSED: ${name} is not the image that was judged`);
  return same ? 0 : 1;
});
