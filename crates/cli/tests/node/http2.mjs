// Node's HTTP/2 client: trailers both ways, many streams on one connection, cancelled streams, both directions at once.
import { connect, constants } from 'node:http2';
import { once } from 'node:events';

const session = connect(process.argv[2]);
await once(session, 'connect');
const out = { alpn: session.socket.alpnProtocol };

const exchange = async (headers, { body = '', trailers } = {}) => {
  const stream = session.request(headers, { waitForTrailers: Boolean(trailers), endStream: body === '' && !trailers });
  if (trailers) {
    stream.on('wantTrailers', () => stream.sendTrailers(trailers));
  }
  let received = {};
  stream.on('trailers', (fields) => { received = fields; });
  const answered = once(stream, 'response');
  if (body !== '' || trailers) {
    stream.end(body);
  }
  const [response] = await answered;
  let text = '';
  for await (const chunk of stream.setEncoding('utf8')) {
    text += chunk;
  }
  return { response, trailers: { ...received }, text };
};

{
  const { trailers, text } = await exchange({ ':path': '/trailers', te: 'trailers' });
  out.trailersDown = { trailers, text };
  const sent = await exchange({ ':path': '/upload', ':method': 'PUT' }, { body: 'bytes', trailers: { 'x-digest': 'feed' } });
  const { trailers: seen, bytes } = JSON.parse(sent.text);
  out.trailersUp = { trailers: seen, bytes };
}

{
  const answers = await Promise.all(Array.from({ length: 60 }, (_, index) => exchange({ ':path': `/echo?n=${index}` })));
  out.streams = answers.filter(({ text }, index) => JSON.parse(text).url === `/echo?n=${index}`).length;
}

{
  const { text } = await exchange({ ':path': '/echo', cookie: 'a=1', 'x-forwarded-for': '6.6.6.6' });
  const seen = JSON.parse(text);
  out.echo = { headers: seen.headers, ip: seen.ip, hostname: seen.hostname, secure: seen.secure };
  const split = session.request({ ':path': '/echo', cookie: ['a=1', 'b=2', 'c=3'] });
  await once(split, 'response');
  let body = '';
  for await (const chunk of split.setEncoding('utf8')) {
    body += chunk;
  }
  out.cookie = JSON.parse(body).headers.cookie;
  const raw = JSON.parse(body).rawHeaders.filter((_, index) => index % 2 === 0);
  out.cookieLines = raw.filter((name) => name.toLowerCase() === 'cookie').length;
}

{
  const stream = session.request({ ':path': '/slow?chunks=1000&pause=50' });
  await once(stream, 'response');
  stream.close(constants.NGHTTP2_CANCEL);
  const { response } = await exchange({ ':path': '/echo' });
  out.afterCancel = response[':status'];
}

{
  const stream = session.request({ ':path': '/progress', ':method': 'POST' });
  const answered = once(stream, 'response');
  stream.write(Buffer.alloc(10));
  await answered;
  stream.setEncoding('utf8');
  out.progress = [JSON.parse((await once(stream, 'data'))[0]).bytes];
  stream.write(Buffer.alloc(20));
  out.progress.push(JSON.parse((await once(stream, 'data'))[0]).bytes);
  stream.end();
}

console.log(JSON.stringify(out));
process.exit(0);
