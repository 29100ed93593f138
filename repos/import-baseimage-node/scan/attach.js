// node attach.js TAG
// Attaches the report of verdict.js to the image that it is about, as a referrer. TAG names the
// report in the repository, too, so that az acr import can be told what to take along.
'use strict';

const { InputError } = require('./findings');
const { Repository } = require('./registry');
const evidence = require('./evidence');

evidence.main(async ([tag]) => {
  if (!tag) throw new InputError('usage: attach.js TAG');
  const subject = evidence.read(evidence.SUBJECT, 'what the verdict is about');
  const client = new Repository(subject.server, subject.repository, 'pull,push');
  await evidence.attach(client, subject.descriptor, evidence.REPORT, tag);
});
