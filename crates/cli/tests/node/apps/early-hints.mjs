// An app that says something ahead of its answer, as Node writes it.
import { createServer } from 'node:http';

const server = createServer((request, response) => {
  response.writeProcessing();
  response.writeEarlyHints({ link: '</a.js>; rel=preload; as=script' }, () => response.end('ok'));
});
server.listen(process.env.PORT, '127.0.0.1', () => console.log(`listening on ${process.env.PORT}`));
