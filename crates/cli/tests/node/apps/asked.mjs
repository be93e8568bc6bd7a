// An app that says what it was asked, with which cookies, and what a form has sent; /login has such a form.
import { createServer } from 'node:http';
import { text } from 'node:stream/consumers';

const server = createServer(async (req, res) => {
  const sent = await text(req);
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  const asked = JSON.stringify({ method: req.method, url: req.url, cookie: req.headers.cookie ?? null, sent });
  const form = '<form method="post" action="/sent"><textarea name="text"></textarea><button>Send</button></form>';
  res.end(`<!doctype html><title>The app</title><h1>The app</h1><pre id=asked>${asked}</pre>${form}<p id=down>Down</p>`);
});
server.on('upgrade', (req, socket) => {
  socket.end('HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n');
});
const port = process.argv[2] ?? process.env.PORT;
server.listen(port, '127.0.0.1', () => console.log(`listens on ${port}`));
