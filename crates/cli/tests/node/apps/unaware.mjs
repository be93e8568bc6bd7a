// An app that believes no proxy: it takes itself to be asked by HTTP, as it is. It compares where forms come
// from with that, as React Router and Django do, and leads to it, as Rack and Servlets do. With AWARE it believes one.
import { createServer } from 'node:http';

const server = createServer((req, res) => {
  const own = `${process.env.AWARE ? req.headers['x-forwarded-proto'] : 'http'}://${req.headers.host}`;
  const answer = (status, headers, text = '') => {
    res.writeHead(status, { 'Content-Type': 'text/html; charset=utf-8', ...headers });
    res.end(text);
  };
  if (req.method === 'POST') {
    const taken = req.headers.origin === own;
    return answer(taken ? 200 : 403, {}, taken ? 'taken' : `not from ${req.headers.origin}`);
  }
  switch (req.url) {
    case '/circle':
      return answer(301, { Location: `https://${req.headers.host}/circle` });
    case '/away':
      return answer(302, { Location: 'http://other.example/' });
    case '/old':
      return answer(302, { Location: `${own}/new` });
    default:
      return answer(200, {}, '<form method="post" action="/form"><button>Send</button></form>');
  }
});
// `own`: wherever the gateway would have it, it listens on a port of its own.
const port = process.argv[2] ?? process.env.PORT;
server.listen(port, '127.0.0.1', () => console.log(`listens on ${port}`));
