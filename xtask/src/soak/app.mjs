// The app behind the soak: a page, uploads that are counted, large answers, events, an echo over
// WebSocket, and a login. It keeps nothing, so that what grows is not its own.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const page = 'x'.repeat(1024);
const block = Buffer.alloc(64 * 1024, 'panoply ');

// Whoever leaves in the middle of a request is nobody's error.
const server = createServer((req, res) => {
  answer(req, res).catch(() => res.destroy());
});

async function answer(req, res) {
  const { pathname, searchParams } = new URL(req.url, 'http://app');
  if (pathname === '/upload') {
    let bytes = 0;
    for await (const chunk of req) {
      bytes += chunk.length;
    }
    res.end(String(bytes));
  } else if (pathname === '/download') {
    let left = Number(searchParams.get('blocks'));
    const more = () => {
      while (left > 0 && !res.destroyed) {
        left -= 1;
        if (!res.write(block)) {
          res.once('drain', more);
          return;
        }
      }
      res.end();
    };
    more();
  } else if (pathname === '/events') {
    res.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-cache' });
    let id = 0;
    const timer = setInterval(() => res.write(`id: ${id += 1}\ndata: still here\n\n`), 100);
    res.on('close', () => clearInterval(timer));
  } else if (pathname === '/login') {
    let body = '';
    for await (const chunk of req.setEncoding('utf8')) {
      body += chunk;
    }
    if (new URLSearchParams(body).get('password') === 'right') {
      res.writeHead(302, { location: '/account', 'set-cookie': 'sid=1; Path=/' }).end();
    } else {
      res.writeHead(401, { 'content-type': 'text/plain' }).end('Wrong name or password.\n');
    }
  } else {
    req.resume();
    res.setHeader('content-type', 'text/plain');
    res.end(page);
  }
}

// RFC 6455 as far as an echo of short frames needs it.
server.on('upgrade', (req, socket) => {
  const key = req.headers['sec-websocket-key'];
  const accept = createHash('sha1')
    .update(`${key}258EAFA5-E914-47DA-95CA-C5AB0DC85B11`)
    .digest('base64');
  socket.write(
    'HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n' +
      `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
  );
  let seen = Buffer.alloc(0);
  socket.on('data', (data) => {
    seen = Buffer.concat([seen, data]);
    while (seen.length >= 6 && seen.length >= 6 + (seen[1] & 127)) {
      const length = seen[1] & 127;
      const mask = seen.subarray(2, 6);
      const text = Buffer.from(seen.subarray(6, 6 + length).map((byte, at) => byte ^ mask[at % 4]));
      socket.write(Buffer.concat([Buffer.from([seen[0], length]), text]));
      if ((seen[0] & 15) === 8) {
        socket.end();
      }
      seen = seen.subarray(6 + length);
    }
  });
  socket.on('error', () => socket.destroy());
});

server.listen(process.env.PORT, '127.0.0.1', () => console.log(`soak listens on ${process.env.PORT}`));
