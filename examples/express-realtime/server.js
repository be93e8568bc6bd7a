import { setTimeout as pause } from 'node:timers/promises';
import express from 'express';
import { WebSocketServer } from 'ws';

const app = express();
app.use(express.static(new URL('public', import.meta.url).pathname));

let streams = 0;
app.get('/events', async (req, res) => {
  streams += 1;
  res.on('close', () => { streams -= 1; });
  const count = Number(req.query.count ?? 1000);
  const gap = Number(req.query.pause ?? 1000);
  res.set({ 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' });
  res.flushHeaders();
  for (let id = 1; id <= count && !res.destroyed; id += 1) {
    res.write(`id: ${id}\ndata: ${JSON.stringify({ id, at: Date.now() })}\n\n`);
    await pause(gap);
  }
  res.end();
});

// What is still open, to see that a client's going away arrives here.
app.get('/open', (req, res) => {
  res.json({ sockets: sockets.clients.size, streams });
});

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`express-realtime listens on http://127.0.0.1:${server.address().port}`);
});

const sockets = new WebSocketServer({ server, path: '/ws' });
sockets.on('connection', (socket, req) => {
  socket.on('message', (data, isBinary) => {
    if (!isBinary && String(data) === 'who') {
      socket.send(JSON.stringify({ headers: req.headers, remote: req.socket.remoteAddress }));
    } else if (!isBinary && String(data) === 'bye') {
      socket.close(4001, 'as asked');
    } else {
      socket.send(data, { binary: isBinary });
    }
  });
  socket.on('error', (error) => console.error(error.message));
});
