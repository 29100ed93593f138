// One page that tells which base image it runs on: its version, its colour, its host.
'use strict';

const http = require('http');
const os = require('os');

const port = 80;
const version = process.env.NODE_VERSION || 'unknown';
const color = process.env.BACKGROUND_COLOR || 'White';

const escape = (text) =>
  text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`);

const page = () => `<!DOCTYPE html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <title>Hello World</title>
  <style>
    body { background-color: ${escape(color)}; font-family: sans-serif; margin: 4rem; }
    main { background: rgba(255, 255, 255, 0.85); border-radius: 0.5rem; padding: 1.5rem 2rem; }
  </style>
</head>
<body>
  <main>
    <h1>Hello World</h1>
    <dl>
      <dt>Version</dt><dd id="version">${escape(version)}</dd>
      <dt>Background color</dt><dd id="color">${escape(color)}</dd>
      <dt>Host name</dt><dd id="host">${escape(os.hostname())}</dd>
    </dl>
  </main>
</body>
</html>
`;

const server = http.createServer((request, response) => {
  const found = request.url.split('?')[0] === '/';
  response.writeHead(found ? 200 : 404, { 'Content-Type': 'text/html; charset=utf-8' });
  response.end(found ? page() : 'Not found\n');
});

server.listen(port, () => console.log(`Listening on port ${port}: ${color}`));

// As the first process of a container, Node gets no default handling of signals.
for (const signal of ['SIGINT', 'SIGTERM']) {
  process.on(signal, () => server.close(() => process.exit(0)));
}
