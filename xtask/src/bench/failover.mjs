// Three instances of an app, of which one at a time is killed and started again, while clients ask for them through a
// proxy: `node failover.mjs URL KILLS PORT PORT PORT`, which begins once the proxy reaches all of them.
// As an app: `node failover.mjs app PORT`.
import { spawn } from 'node:child_process';
import http from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

const CLIENTS = 32;
// nginx leaves a server alone for ten seconds after it has failed, and is not to be without any.
const BETWEEN = 11_000;
const AWAY = 500;
const SETTLED = 2000;

const [first, ...rest] = process.argv.slice(2);
if (first === 'app') {
  const [port] = rest;
  http
    .createServer((request, answer) => {
      request.resume();
      request.on('end', () => {
        const id = request.headers['x-number'];
        // What has been done is told before the answer is: a death in between is what is counted.
        if (request.method === 'POST') process.send(id);
        setTimeout(() => answer.end(port), 2);
      });
    })
    .listen(port, '127.0.0.1');
} else {
  await load(first, Number(rest[0]), rest.slice(1));
}

async function load(url, kills, ports) {
  const done = new Map();
  const start = (port) => {
    const app = spawn(process.execPath, [process.argv[1], 'app', port], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    });
    app.on('message', (id) => done.set(id, (done.get(id) ?? 0) + 1));
    return app;
  };
  const apps = ports.map(start);
  process.on('exit', () => apps.forEach((app) => app.kill('SIGKILL')));
  const agent = new http.Agent({ keepAlive: true, maxSockets: CLIENTS });
  const ask = (method, number) =>
    new Promise((resolve) => {
      const headers = { 'x-number': number, connection: 'keep-alive' };
      const request = http.request(url, { agent, method, headers, timeout: 20_000 }, (answer) => {
        let text = '';
        answer.on('data', (data) => (text += data));
        answer.on('end', () => resolve({ well: answer.statusCode === 200, text }));
        answer.on('error', () => resolve({ well: false }));
      });
      request.on('error', () => resolve({ well: false }));
      request.on('timeout', () => request.destroy());
      request.end(method === 'POST' ? 'amount=1' : undefined);
    });

  const seen = new Set();
  for (let tries = 0; seen.size < ports.length; tries += 1) {
    if (tries === 800) throw new Error(`only ${[...seen]} answer through ${url}`);
    const { well, text } = await ask('GET', 'before');
    if (well) seen.add(text);
    await pause(25);
  }

  const counts = { GET: { asked: 0, failed: 0 }, POST: { asked: 0, failed: 0 } };
  let longest = 0;
  let over = false;
  let number = 0;
  const client = async (method) => {
    while (!over) {
      number += 1;
      const begun = performance.now();
      const { well } = await ask(method, String(number));
      longest = Math.max(longest, performance.now() - begun);
      counts[method].asked += 1;
      if (!well) counts[method].failed += 1;
    }
  };
  const clients = Array.from({ length: CLIENTS }, (_, at) => client(at % 2 === 0 ? 'GET' : 'POST'));
  for (let kill = 0; kill < kills; kill += 1) {
    await pause(kill === 0 ? SETTLED : BETWEEN);
    const at = kill % apps.length;
    apps[at].kill('SIGKILL');
    await pause(AWAY);
    apps[at] = start(ports[at]);
  }
  await pause(SETTLED);
  over = true;
  await Promise.all(clients);
  const twice = [...done.values()].filter((times) => times > 1).length;
  console.log(JSON.stringify({ ...counts, twice, longest: Math.round(longest) }));
  process.exit(0);
}
