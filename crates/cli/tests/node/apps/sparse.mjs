// Has only a few pages, says what else it was asked for, and takes a moment to look for it.
import { createServer } from 'node:http';

const takes = Number(process.env.TAKES ?? 0);
let missed = 0;

const server = createServer(async (req, res) => {
  const { pathname } = new URL(req.url, 'http://app');
  if (pathname === '/missed') {
    res.end(String(missed));
  } else if (pathname === '/' || pathname.startsWith('/there')) {
    res.end('here\n');
  } else {
    missed += 1;
    await new Promise((resolve) => { setTimeout(resolve, takes); });
    res.writeHead(pathname.startsWith('/closed') ? 403 : 404, { 'content-type': 'text/plain' }).end('Not here.\n');
  }
});
server.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`sparse listens on ${process.env.PORT}`);
});
