// What fetch does not show, with Node's http(s) client over HTTP/1.1: trailers, 100-continue, early answers.
import { once } from 'node:events';
import { request as plain } from 'node:http';
import { request as secure } from 'node:https';

const origin = process.argv[2];
const request = origin.startsWith('https:') ? secure : plain;
const out = {};

const finish = async (req) => {
  const [res] = await once(req, 'response');
  let body = '';
  for await (const chunk of res) {
    body += chunk;
  }
  return { status: res.statusCode, headers: res.headers, rawHeaders: res.rawHeaders, trailers: res.trailers, body };
};

{
  const { headers, trailers, body } = await finish(request(`${origin}/trailers`, { headers: { TE: 'trailers' } }).end());
  out.trailersUnannounced = { trailers, body, coding: headers['transfer-encoding'] };
  const announced = await finish(request(`${origin}/trailers?announced`, { headers: { TE: 'trailers' } }).end());
  out.trailersAnnounced = { trailers: announced.trailers, announced: announced.headers.trailer };
}

for (const announced of [false, true]) {
  const headers = { 'Transfer-Encoding': 'chunked', ...(announced ? { Trailer: 'X-Digest' } : {}) };
  const req = request(`${origin}/upload`, { method: 'PUT', headers });
  req.write('some ');
  req.addTrailers({ 'X-Digest': 'feed' });
  req.end('bytes');
  const { trailers, bytes } = JSON.parse((await finish(req)).body);
  out[announced ? 'sentAnnounced' : 'sentUnannounced'] = { trailers, bytes };
}

{
  const req = request(`${origin}/upload`, { method: 'PUT', headers: { Expect: '100-continue', 'Content-Length': 5 } });
  let continued = false;
  req.on('continue', () => {
    continued = true;
    req.end('12345');
  });
  req.flushHeaders();
  const { status, body } = await finish(req);
  out.continue = { continued, status, bytes: JSON.parse(body).bytes };
}

{
  const req = request(`${origin}/refuse`, { method: 'POST', headers: { 'Content-Length': 50_000_000 } });
  req.on('error', () => {});
  req.write(Buffer.alloc(1000));
  const { status, body } = await finish(req);
  out.refusedUnread = { status, body };
  req.destroy();
}

for (const method of ['GET', 'HEAD']) {
  const { status, headers, body } = await finish(request(`${origin}/download/123456`, { method }).end());
  out[method] = { status, length: headers['content-length'], body: body.length };
}

for (const kind of ['', '?chunked']) {
  const [res] = await once(request(`${origin}/cut${kind}`).end(), 'response');
  let bytes = 0;
  res.on('data', (chunk) => { bytes += chunk.length; });
  const ended = await Promise.race([
    once(res, 'end').then(() => 'complete', () => 'broken'),
    once(res, 'aborted').then(() => 'broken'),
  ]);
  out[`cut${kind}`] = { ended, bytes };
}

console.log(JSON.stringify(out));
process.exit(0);
