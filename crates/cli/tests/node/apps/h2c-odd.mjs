// An app that speaks HTTP/2 without TLS, and does with its streams and connections what is allowed.
import { createHash } from 'node:crypto';
import { createServer } from 'node:http2';
import { Readable } from 'node:stream';

function* blocks(bytes) {
  for (let left = bytes; left > 0; left -= 16_384) {
    yield Buffer.alloc(Math.min(left, 16_384), 'panoply ');
  }
}

const server = createServer({ settings: { maxConcurrentStreams: 50 } });
let connections = 0;
let streams = 0;
let late = 0;
const seen = new Set();
server.on('session', () => { connections += 1; });
server.on('stream', (stream, headers) => {
  stream.on('error', () => {});
  streams += 1;
  stream.on('close', () => { streams -= 1; });
  const [path, argument] = headers[':path'].slice(1).split('/');
  const answer = (body, more = {}) => {
    stream.respond({ ':status': 200, ...more });
    stream.end(body);
  };
  switch (path) {
    case 'big':
      stream.respond({ ':status': 200, 'content-length': Number(argument) });
      Readable.from(blocks(Number(argument))).pipe(stream);
      break;
    case 'nothing':
      // No body has a length; some frameworks say one all the same.
      stream.respond({ ':status': 204, 'content-length': 5 });
      break;
    case 'hash': {
      const hash = createHash('sha256');
      stream.on('data', (data) => hash.update(data));
      stream.on('end', () => answer(hash.digest('hex')));
      break;
    }
    case 'hang':
      stream.respond({ ':status': 200 });
      stream.write('first\n');
      break;
    case 'late':
      // Answered at once, and read after all.
      stream.respond({ ':status': 200 });
      stream.end('early');
      stream.on('data', (data) => { late += data.length; });
      break;
    case 'goodbye':
      answer('goodbye');
      stream.session.close();
      break;
    case 'refused-once':
      if (!seen.has(path)) {
        seen.add(path);
        stream.session.goaway(0, stream.id - 2);
        stream.session.destroy();
        break;
      }
      answer('second');
      break;
    case 'declined-once':
      if (!seen.has(path)) {
        seen.add(path);
        stream.close(7);
        break;
      }
      answer('second');
      break;
    case 'refused':
      stream.session.goaway(0, stream.id - 2);
      stream.session.destroy();
      break;
    case 'reset':
      stream.close(2);
      break;
    case 'half':
      stream.respond({ ':status': 200, 'content-length': 100 });
      stream.write('half', () => setTimeout(() => stream.close(2), 50));
      break;
    case 'trailers': {
      let trailers = {};
      stream.on('trailers', (fields) => { trailers = fields; });
      stream.resume();
      stream.on('end', () => {
        stream.respond({ ':status': 200 }, { waitForTrailers: true });
        stream.on('wantTrailers', () => stream.sendTrailers({ 'x-sum': 'abc' }));
        stream.end(JSON.stringify({ seen: trailers['x-up'] ?? null }));
      });
      break;
    }
    default:
      answer(JSON.stringify({ connections, streams, late }));
  }
});
server.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`h2c-odd listens on ${process.env.PORT}`);
});
