// An app that speaks HTTP/2 without TLS and nothing else.
import { createServer } from 'node:http2';

const server = createServer(async (req, res) => {
  let body = '';
  for await (const chunk of req.setEncoding('utf8')) {
    body += chunk;
  }
  res.setHeader('content-type', 'application/json');
  res.end(JSON.stringify({
    version: req.httpVersion,
    path: req.url,
    authority: req.authority || req.headers.host,
    // Beside `:authority` it is once too often for some.
    host: req.headers.host,
    for: req.headers['x-forwarded-for'],
    body,
  }));
});
server.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`h2c listens on ${process.env.PORT}`);
});
