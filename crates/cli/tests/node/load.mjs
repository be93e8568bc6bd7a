// A load that counts every failure, until standard input ends: connections that are kept, a
// connection a request, HTTP/2, long answers, bodies. No request that was sent is repeated.
// Arguments: the origin over HTTPS, the one over HTTP.
import http from 'node:http';
import http2 from 'node:http2';
import https from 'node:https';

const [origin, plain] = process.argv.slice(2);
const done = {};
const failures = [];
const apps = new Set();
let running = true;
process.stdin.resume().on('end', () => { running = false; });

function ask(module, url, options, body) {
  return new Promise((resolve, reject) => {
    const request = module.request(url, { timeout: 20_000, ...options }, (response) => {
      let text = '';
      response.setEncoding('utf8');
      response.on('data', (chunk) => { text += chunk; });
      response.on('end', () => resolve({ status: response.statusCode, text }));
      response.on('error', reject);
    });
    request.on('error', reject);
    request.on('timeout', () => request.destroy(new Error('timed out')));
    request.end(body);
  });
}

let session;
let sessions = 0;
function connected() {
  if (!session) {
    const made = http2.connect(origin);
    sessions += 1;
    const over = () => { if (session === made) { session = undefined; } };
    made.on('goaway', () => { made.ends = true; over(); });
    made.on('close', over);
    made.on('error', over);
    session = made;
  }
  return session;
}

function streamOnce(path) {
  return new Promise((resolve, reject) => {
    const through = connected();
    const asked = through.request({ ':path': path });
    let status = 0;
    let text = '';
    asked.setEncoding('utf8');
    asked.on('response', (headers) => { status = headers[':status']; });
    asked.on('data', (chunk) => { text += chunk; });
    asked.on('end', () => resolve({ status, text }));
    asked.on('error', (error) => reject(Object.assign(error, { ends: through.ends })));
    asked.setTimeout(20_000, () => asked.destroy(new Error('timed out')));
  });
}

// What nghttp2 was given and had not sent yet when a GOAWAY came, it refuses by itself, so that it
// can be sent elsewhere (RFC 9113 section 8.7), as every browser does.
let sentElsewhere = 0;
async function stream(path) {
  try {
    return await streamOnce(path);
  } catch (error) {
    if (!error.ends || !error.message.includes('REFUSED_STREAM')) { throw error; }
    sentElsewhere += 1;
    return streamOnce(path);
  }
}

async function repeat(kind, request, right) {
  done[kind] ??= 0;
  while (running) {
    try {
      const answer = await request();
      if (right(answer)) {
        done[kind] += 1;
      } else {
        failures.push(`${kind}: ${JSON.stringify(answer).slice(0, 200)}`);
      }
    } catch (error) {
      failures.push(`${kind}: ${error.code ?? ''} ${error.message}`);
    }
    await new Promise((next) => { setTimeout(next, 2); });
  }
}

const isPage = ({ status, text }) => {
  const found = /^pid (\d+)\n$/.exec(text);
  if (found) { apps.add(Number(found[1])); }
  return status === 200 && found;
};
const isWhole = ({ status, text }) => status === 200 && text.endsWith('end\n');
const redirects = ({ status }) => status === 308 || status === 301;
const kept = (module) => new module.Agent({ keepAlive: true, maxSockets: 1 });
const agents = [kept(https), kept(https), kept(https)];
const alone = new https.Agent({ keepAlive: false });
const plainly = kept(http);
const slow = '/slow?chunks=8&pause=100';
const body = 'x'.repeat(30_000);

const loops = [
  ...agents.map((agent) => repeat('kept', () => ask(https, origin, { agent }), isPage)),
  repeat('new', () => ask(https, origin, { agent: alone }), isPage),
  repeat('new', () => ask(https, origin, { agent: alone }), isPage),
  repeat('plain', () => ask(http, plain, { agent: plainly }), redirects),
  repeat('bodies', () => ask(https, origin, { agent: agents[0], method: 'POST' }, body), isPage),
  repeat('long', () => ask(https, `${origin}${slow}`, { agent: alone }), isWhole),
  repeat('streams', () => stream('/'), isPage),
  repeat('streams', () => stream('/'), isPage),
  repeat('long streams', () => stream(slow), isWhole),
];
console.error('load: it runs');
await Promise.all(loops);
session?.close();
console.log(JSON.stringify({ done, failures, apps: [...apps], sessions, sentElsewhere }));
process.exit(0);
