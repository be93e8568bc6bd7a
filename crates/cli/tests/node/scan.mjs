// Asks for many paths at once: VERSION NUMBER CLIENT ORIGIN. Prints how many were answered with each status.
import http from 'node:http';
import http2 from 'node:http2';

const [version, number, client, origin] = process.argv.slice(2);
const counts = {};
const count = (what) => { counts[what] = (counts[what] ?? 0) + 1; };

const agent = new http.Agent({ keepAlive: true, maxSockets: 50 });
const over1 = (path) => new Promise((resolve) => {
  const req = http.get(`${origin}${path}`, { agent, headers: { 'x-forwarded-for': client } }, (res) => {
    count(res.statusCode);
    res.resume().on('error', () => {}).on('close', resolve);
  });
  req.on('error', () => { count('broken'); resolve(); });
});

const session = version === '2' ? http2.connect(origin) : undefined;
const over2 = (path) => new Promise((resolve) => {
  const stream = session.request({ ':path': path, 'x-forwarded-for': client });
  stream.on('response', (headers) => count(headers[':status']));
  stream.on('error', () => count('broken'));
  stream.on('close', resolve);
  stream.resume();
});

const paths = Array.from({ length: Number(number) }, (_, n) => `/scan/${n}`);
await Promise.all(paths.map(version === '2' ? over2 : over1));
console.log(JSON.stringify(counts));
process.exit(0);
