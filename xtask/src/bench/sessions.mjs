// What a session costs in Node, without a server around it: requests and answers that go nowhere.
import { ServerResponse } from 'node:http';
import session from 'express-session';
import cookieSession from 'cookie-session';
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis';

const [redis, calls] = [process.argv[2], Number(process.argv[3])];

const request = (cookie) => ({
  method: 'GET', url: '/', originalUrl: '/', headers: cookie ? { cookie } : {},
  connection: { encrypted: true }, socket: { encrypted: true },
});
/** One request through a middleware; the answer's cookies. */
const ask = (middleware, cookie, handle) => new Promise((resolve, reject) => {
  const req = request(cookie);
  const res = new ServerResponse(req);
  res.end = () => {
    if (!res.headersSent) res.writeHead(200);
    resolve([res.getHeader('set-cookie') ?? []].flat());
  };
  middleware(req, res, (error) => {
    if (error) {
      reject(error);
      return;
    }
    handle(req);
    // cookie-session writes its cookie with the head.
    res.end();
  });
});
const pairs = (lines) => lines.map((line) => line.split(';')[0]).join('; ');
const reads = (req) => { if (req.session.views === undefined) throw new Error('no session'); };
const writes = (req) => { req.session.views += 1; };

const measure = async (middleware, atOnce) => {
  const cookies = [];
  for (let i = 0; i < 1000; i++) {
    cookies.push(pairs(await ask(middleware, '', (req) => { req.session.views = 1; req.session.user = 'ada'; })));
  }
  const run = async (handle, many) => {
    let next = 0;
    const start = process.hrtime.bigint();
    await Promise.all(Array.from({ length: atOnce }, async () => {
      while (next < many) {
        next += 1;
        await ask(middleware, cookies[next % 1000], handle);
      }
    }));
    return many / (Number(process.hrtime.bigint() - start) / 1e9);
  };
  await run(reads, calls / 10);
  await run(writes, calls / 10);
  return { read: await run(reads, calls), write: await run(writes, calls) };
};

const options = { secret: 'keyboard cat', resave: false, saveUninitialized: false };
// The store in memory warns that it is not for production.
console.warn = () => {};
console.error = () => {};
const client = await createClient({ url: redis }).connect();
console.log(JSON.stringify({
  memory: await measure(session(options), 1),
  sealed: await measure(cookieSession({ keys: ['a key of some length'] }), 1),
  redis: await measure(session({ ...options, store: new RedisStore({ client }) }), 64),
}));
process.exit(0);
