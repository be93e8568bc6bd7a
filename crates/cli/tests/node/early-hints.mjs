// What Node's client hears ahead of an answer: each status, and its Link.
import { once } from 'node:events';
import { request } from 'node:https';

const told = [];
const req = request(`${process.argv[2]}/`).end();
req.on('information', ({ statusCode, headers }) => told.push([statusCode, headers.link ?? null]));
const [response] = await once(req, 'response');
response.resume();
await once(response, 'end');
console.log(JSON.stringify({ told, status: response.statusCode }));
