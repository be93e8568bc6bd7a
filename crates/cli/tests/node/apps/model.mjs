// An app that does its own part: a safe cookie, and a script with a nonce and a digest.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http';

const script = 'document.title = "model";\n';
const digest = createHash('sha384').update(script).digest('base64');
const server = createServer((req, res) => {
  if (req.url === '/app.js') {
    res.setHeader('Content-Type', 'text/javascript');
    res.end(script);
    return;
  }
  res.setHeader('Content-Type', 'text/html; charset=utf-8');
  res.setHeader('Set-Cookie', '__Host-session=1; Path=/; Secure; HttpOnly; SameSite=Strict');
  res.end(`<!doctype html><title>still</title>
<script src="/app.js" nonce="${process.env.PANOPLY_NONCE}" integrity="sha384-${digest}" crossorigin="anonymous"></script>`);
});
server.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`model listens on ${process.env.PORT}`);
});
