import { createHash } from 'node:crypto';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as pause } from 'node:timers/promises';
import compression from 'compression';
import express from 'express';
import { pattern } from './pattern.js';

const folder = mkdtempSync(join(tmpdir(), 'express-files-'));
const file = join(folder, 'file.bin');
writeFileSync(file, Buffer.concat([...pattern(1 << 20)]));
process.on('exit', () => rmSync(folder, { recursive: true, force: true }));
process.on('SIGTERM', () => process.exit(0));
process.on('SIGINT', () => process.exit(0));

const app = express();
app.set('trust proxy', 1);

app.get('/download/:bytes', async (req, res) => {
  const bytes = Number(req.params.bytes);
  res.set({ 'Content-Type': 'application/octet-stream', 'Content-Length': String(bytes) });
  if (req.method === 'HEAD') {
    res.end();
    return;
  }
  await pipeline(Readable.from(pattern(bytes)), res).catch(() => {});
});

app.get('/file', (req, res) => {
  res.sendFile(file);
});

app.put('/upload', async (req, res) => {
  const hash = createHash('sha256');
  let bytes = 0;
  let chunks = 0;
  try {
    for await (const chunk of req) {
      bytes += chunk.length;
      chunks += 1;
      hash.update(chunk);
    }
  } catch {
    return;
  }
  res.json({ bytes, chunks, sha256: hash.digest('hex'), headers: req.headers, trailers: req.trailers });
});

app.post('/progress', async (req, res) => {
  res.type('application/x-ndjson').flushHeaders();
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
    res.write(`${JSON.stringify({ bytes })}\n`);
  }
  res.end(`${JSON.stringify({ bytes, done: true })}\n`);
});

app.get('/slow', async (req, res) => {
  const chunks = Number(req.query.chunks ?? 10);
  const gap = Number(req.query.pause ?? 100);
  res.type('text/plain').flushHeaders();
  for (let line = 1; line <= chunks && !res.destroyed; line += 1) {
    res.write(`line ${line}\n`);
    await pause(gap);
  }
  res.end('end\n');
});

app.get('/late', async (req, res) => {
  await pause(Number(req.query.wait ?? 1000));
  res.send('late\n');
});

app.get('/trailers', (req, res) => {
  if (req.query.announced !== undefined) {
    res.set('Trailer', 'X-Checksum');
  }
  res.write('body\n');
  res.addTrailers({ 'X-Checksum': 'abc123' });
  res.end();
});

app.get('/compressed', compression({ threshold: 0 }), (req, res) => {
  res.type('text/plain').send('panoply '.repeat(10_000));
});

app.get('/hop', (req, res) => {
  res.set({ 'Connection': 'X-Only-Here', 'X-Only-Here': '1', 'Proxy-Authenticate': 'Basic', 'X-End-To-End': '1' });
  res.send('hop\n');
});

app.get('/leaky', (req, res) => {
  res.set({ 'Server': 'nginx/1.2.3', 'X-Generator': 'Drupal', 'X-Runtime': '0.1', 'X-AspNet-Version': '4.0' });
  res.send('leaky\n');
});

app.get('/big-header/:bytes', (req, res) => {
  res.set('X-Big', 'x'.repeat(Number(req.params.bytes))).send('big\n');
});

app.get('/cookies', (req, res) => {
  res.append('Set-Cookie', 'a=1; Path=/').append('Set-Cookie', 'b=2; Path=/').append('Set-Cookie', 'c=3, 4');
  res.append('Link', '</a>; rel=x').append('Link', '</b>; rel=y').send('cookies\n');
});

app.all('/status/:code', (req, res) => {
  res.sendStatus(Number(req.params.code));
});

app.get('/cut', (req, res) => {
  if (req.query.chunked === undefined) {
    res.set('Content-Length', '1000000');
  }
  res.write('x'.repeat(1000), () => setTimeout(() => res.socket.destroy(), 50));
});

app.post('/refuse', (req, res) => {
  res.status(403).send('refused unread\n');
});

let handled = 0;
app.all('/echo{/*rest}', async (req, res) => {
  handled += 1;
  let bytes = 0;
  for await (const chunk of req) {
    bytes += chunk.length;
  }
  const { method, url, rawHeaders, headers, ip, ips, protocol, secure, hostname, httpVersion } = req;
  res.json({ method, url, rawHeaders, headers, ip, ips, protocol, secure, hostname, httpVersion, bytes, handled });
});

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`express-files listens on http://127.0.0.1:${server.address().port}`);
});
