// A login that counts every password it is shown, and takes a moment to look at it.
import { createServer } from 'node:http';

const PATHS = ['/login', '/api/token', '/hub/login', '/NoAuth/Login.html', '/enter'];
const shown = new Map();

const server = createServer(async (req, res) => {
  const { pathname, searchParams } = new URL(req.url, 'http://app');
  if (pathname === '/shown') {
    res.end(String(shown.get(searchParams.get('user')) ?? 0));
    return;
  }
  let body = '';
  for await (const chunk of req.setEncoding('utf8')) {
    body += chunk;
  }
  if (req.method !== 'POST' || !PATHS.includes(pathname)) {
    res.end(`${req.method} ${pathname} from ${req.headers['x-forwarded-for']}\n`);
    return;
  }
  const json = (req.headers['content-type'] ?? '').includes('json');
  const form = json ? JSON.parse(body) : Object.fromEntries(new URLSearchParams(body));
  const user = form.username ?? form.email ?? '';
  shown.set(user, (shown.get(user) ?? 0) + 1);
  await new Promise((resolve) => { setTimeout(resolve, Number(process.env.TAKES ?? 5)); });
  if (form.password === 'right') {
    res.writeHead(302, { location: '/account' }).end();
  } else {
    res.writeHead(401, { 'content-type': 'text/plain' }).end('Wrong name or password.\n');
  }
});
server.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`logins listens on ${process.env.PORT}`);
});
