// An app that says who it is, dies when told, and boots as slowly as BOOT_MS says.
import { createServer } from 'node:http';
import { setTimeout as pause } from 'node:timers/promises';

await pause(Number(process.env.BOOT_MS ?? 0));
const server = createServer(async (req, res) => {
  const url = new URL(req.url, 'http://app');
  if (url.pathname === '/die') {
    process.exit(Number(url.searchParams.get('status') ?? 7));
  } else if (url.pathname === '/slow') {
    for (let line = 1; line <= Number(url.searchParams.get('chunks') ?? 10); line += 1) {
      res.write(`line ${line}\n`);
      await pause(Number(url.searchParams.get('pause') ?? 200));
    }
    res.end('end\n');
  } else if (url.pathname === '/inline') {
    res.setHeader('Content-Type', 'text/html');
    res.end('<!doctype html><title>still</title><script>document.title = "ran";</script>');
  } else if (url.pathname === '/nonce') {
    // The app's own script bears the placeholder that it was given; what was injected does not.
    const page = `<!doctype html><title>still</title>
<script nonce="${process.env.PANOPLY_NONCE}">document.title += " own";</script>
<script>document.title += " injected";</script>
<script nonce="${url.searchParams.get('guess')}">document.title += " guessed";</script>`;
    res.setHeader('Content-Type', 'text/html');
    res.setHeader('Content-Length', Buffer.byteLength(page));
    for (const byte of page) {
      res.write(byte);
    }
    res.end();
  } else {
    res.setHeader('Content-Type', 'text/html');
    res.end(`pid ${process.pid}\n`);
  }
});
for (const signal of ['SIGTERM', 'SIGINT']) {
  process.on(signal, () => {
    console.log(`moody got ${signal}`);
    server.close(() => process.exit(0));
    server.closeIdleConnections();
  });
}
server.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`moody stdout ${process.env.PORT}`);
  console.error('moody stderr');
});
