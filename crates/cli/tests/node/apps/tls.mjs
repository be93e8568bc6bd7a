// An app that speaks TLS: `tls.mjs CERTIFICATE KEY [h2] [CLIENTS]`, of which the last is who has to have signed its
// clients' certificates.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { createSecureServer } from 'node:http2';
import { createServer } from 'node:https';

const [certificate, key, ...more] = process.argv.slice(2);
const http2 = more[0] === 'h2';
const clients = more[http2 ? 1 : 0];
const options = {
  cert: readFileSync(certificate),
  key: readFileSync(key),
  ...(clients && { ca: readFileSync(clients), requestCert: true, rejectUnauthorized: true }),
};
let connections = 0;

async function answer(req, res) {
  const big = req.url.match(/^\/big\/(\d+)$/);
  if (big) {
    res.end(Buffer.alloc(Number(big[1]), 'panoply;'));
    return;
  }
  if (req.url === '/kill') {
    req.socket.destroy();
    return;
  }
  const hash = createHash('sha256');
  let length = 0;
  for await (const chunk of req) {
    hash.update(chunk);
    length += chunk.length;
  }
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify({
    version: req.httpVersion,
    scheme: req.scheme,
    client: clients && req.socket.getPeerCertificate().subject.CN,
    name: req.socket.servername,
    host: req.authority || req.headers.host,
    proto: req.headers['x-forwarded-proto'],
    connections,
    length,
    sha256: hash.digest('hex'),
  }));
}

const server = http2 ? createSecureServer(options, answer) : createServer(options, answer);
server.on('secureConnection', () => {
  connections += 1;
});
server.on('upgrade', (req, socket) => {
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: upgrade\r\n\r\n');
  socket.pipe(socket);
  socket.on('error', () => {});
});
server.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`tls listens on ${process.env.PORT}`);
});
