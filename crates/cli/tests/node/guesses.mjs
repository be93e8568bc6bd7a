// Many guesses at once: VERSION NUMBER USER ORIGIN..., spread over the origins.
// Prints how many were answered with each status, and how many broke off.
import http from 'node:http';
import https from 'node:https';
import http2 from 'node:http2';

const [version, number, user, ...origins] = process.argv.slice(2);
const counts = {};
const count = (what) => { counts[what] = (counts[what] ?? 0) + 1; };
const type = 'application/x-www-form-urlencoded';
const ca = process.env.CA ? (await import('node:fs')).readFileSync(process.env.CA) : undefined;

const over1 = (origin) => {
  const { request, Agent } = origin.startsWith('https:') ? https : http;
  const agent = new Agent({ keepAlive: true, maxSockets: 100 });
  return (body) => new Promise((resolve) => {
    const req = request(`${origin}/login`, { method: 'POST', agent, ca, headers: { 'content-type': type } });
    req.on('response', (res) => {
      count(res.statusCode);
      res.resume().on('error', () => {}).on('close', resolve);
    });
    req.on('error', () => { count('broken'); resolve(); });
    req.end(body);
  });
};

const over2 = (origin) => {
  const session = http2.connect(origin, { ca });
  session.on('error', () => {});
  let heard = Date.now();
  // A session that was cut off does not always say so: one that is silent for long is.
  const broken = new Promise((resolve) => {
    session.on('close', resolve);
    const watch = setInterval(() => {
      if (session.destroyed || Date.now() - heard > 4000) {
        clearInterval(watch);
        resolve();
      }
    }, 20);
  });
  return (body) => new Promise((resolve) => {
    let answered = false;
    // Streams that have not begun are not told when their session ends.
    broken.then(() => { if (!answered) { answered = true; count('broken'); } resolve(); });
    if (session.destroyed || session.closed) {
      return;
    }
    const stream = session.request({ ':method': 'POST', ':path': '/login', 'content-type': type });
    stream.on('response', (headers) => { answered = true; heard = Date.now(); count(headers[':status']); });
    stream.on('error', () => {});
    stream.on('close', () => { if (!answered) { answered = true; count('broken'); } resolve(); });
    stream.resume();
    stream.end(body);
  });
};

const senders = origins.map(version === '2' ? over2 : over1);
await Promise.all(Array.from({ length: Number(number) }, (_, guess) => (
  senders[guess % senders.length](`username=${user}&password=guess${guess}`)
)));
console.log(JSON.stringify(counts));
process.exit(0);
