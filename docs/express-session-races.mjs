// What express-session loses when requests come at once: run it with
//
//   npm ci --prefix examples/express-login && node docs/express-session-races.mjs
//
// It starts an Express app with express-session and its memory store on a free port, sends it
// requests that overlap, and says what became of the session. The suite of panoply-store-test sends
// the same to every session store of Panoply, where nothing is lost and nothing comes back.
import { createRequire } from 'node:module';
import { once } from 'node:events';

const require = createRequire(new URL('../examples/express-login/', import.meta.url));
const express = require('express');
const session = require('express-session');

const app = express();
app.use(session({ secret: 'for this run only', resave: false, saveUninitialized: false }));

// Requests that wait here overlap until all have come.
const gates = new Map();
const together = (name, number) => new Promise((resolve) => {
  const waiting = gates.get(name) ?? [];
  gates.set(name, waiting);
  waiting.push(resolve);
  if (waiting.length === number) {
    gates.delete(name);
    waiting.forEach((go) => go());
  }
});

app.get('/login', (req, res) => {
  req.session.user = 'ada';
  res.end();
});
app.get('/set/:key/:at/:number', async (req, res) => {
  await together(req.params.at, Number(req.params.number));
  req.session[req.params.key] = true;
  res.end();
});
app.get('/slow', async (req, res) => {
  // Loaded by now, saved when it ends.
  await together('slow', 2);
  req.session.seen = true;
  await together('logged out', 2);
  res.end();
});
app.get('/logout', async (req, res) => {
  await together('slow', 2);
  req.session.destroy(async () => {
    await together('logged out', 2);
    res.end();
  });
});
app.get('/', (req, res) => {
  const { cookie, ...values } = req.session;
  res.json(values);
});

const server = app.listen(0, '127.0.0.1');
await once(server, 'listening');
const origin = `http://127.0.0.1:${server.address().port}`;

const login = async () => {
  const answer = await fetch(`${origin}/login`);
  const cookie = answer.headers.getSetCookie()[0].split(';')[0];
  return async (path) => (await fetch(origin + path, { headers: { cookie } })).text();
};

let get = await login();
await Promise.all([get('/set/one/both/2'), get('/set/two/both/2')]);
const both = JSON.parse(await get('/'));
const kept = ['one', 'two'].filter((key) => both[key]).length;
console.log(`two writers at once: ${kept} of 2 values are there`);

get = await login();
const hundred = Array.from({ length: 100 }, (_, number) => get(`/set/k${number}/hundred/100`));
await Promise.all(hundred);
const many = JSON.parse(await get('/'));
const left = Object.keys(many).filter((key) => key.startsWith('k')).length;
console.log(`a hundred writers at once: ${left} of 100 values are there`);

get = await login();
await Promise.all([get('/slow'), get('/logout')]);
const { user } = JSON.parse(await get('/'));
console.log(`a request in flight during a logout: the session is ${user ? `back, with ${user} logged in` : 'gone'}`);

server.close();
server.closeAllConnections();
