// A site that loads of everything from another origin, with a script in the page itself, and a hole
// through which anybody puts HTML into it.
import { createServer } from 'node:http';
import { once } from 'node:events';

const PNG = Buffer.from(
  'iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==',
  'base64',
);
const taken = new Set();

const serve = async (handler, port) => {
  const server = createServer(handler);
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');
  return server.address().port;
};

// The other origin, which notes what was taken from it.
const other = await serve((req, res) => {
  const { pathname } = new URL(req.url, 'http://other');
  taken.add(pathname);
  const types = { js: 'text/javascript', css: 'text/css', png: 'image/png', html: 'text/html', woff2: 'font/woff2' };
  const bodies = {
    '/lib.js': 'document.documentElement.dataset.lib = "ran";',
    '/evil.js': 'document.documentElement.dataset.evil = "ran";',
    '/pixel.png': PNG,
  };
  res.setHeader('Access-Control-Allow-Origin', '*');
  res.setHeader('Content-Type', types[pathname.split('.').pop()] ?? 'application/json');
  res.end(bodies[pathname] ?? (pathname === '/api' ? '{"ok":true}' : ''));
});
const from = `http://127.0.0.1:${other}`;

const own = {
  '/own.js': `document.documentElement.dataset.own = 'ran';
fetch('${from}/api').then((answer) => answer.json()).then(({ ok }) => {
  document.documentElement.dataset.api = String(ok);
}).catch(() => {});
document.fonts.load('1em Third').catch(() => {});
`,
  '/own.css': `@font-face { font-family: Third; src: url(${from}/font.woff2); }`,
};

const page = (inject) => `<!doctype html><html><head><title>shop</title>
<link rel="stylesheet" href="/own.css"><link rel="stylesheet" href="${from}/style.css">
<script src="${from}/lib.js"></script><script src="/own.js" defer></script>
<script nonce="${process.env.PANOPLY_NONCE ?? ''}">document.documentElement.dataset.inline = 'ran';</script>
</head><body><img src="${from}/pixel.png" alt=""><iframe src="${from}/frame.html"></iframe>${inject}</body></html>`;

await serve((req, res) => {
  const url = new URL(req.url, 'http://app');
  if (url.pathname === '/taken') {
    res.setHeader('Content-Type', 'application/json');
    res.end(JSON.stringify([...taken].sort()));
    taken.clear();
    return;
  }
  const script = own[url.pathname];
  res.setHeader('Content-Type', script ? (url.pathname.endsWith('.js') ? 'text/javascript' : 'text/css') : 'text/html');
  res.end(script ?? page(url.searchParams.get('inject') ?? ''));
}, process.env.PORT);
console.log(`listening on ${process.env.PORT}, the other origin on ${other}`);
