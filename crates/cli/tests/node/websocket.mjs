// Speaks to express-realtime's socket at wss://…/ws with the `ws` client.
import { once } from 'node:events';
import { WebSocket } from 'ws';

const url = process.argv[2];
const open = async (options) => {
  const socket = new WebSocket(url, options);
  await once(socket, 'open');
  return socket;
};
const ask = async (socket, data) => {
  const answer = once(socket, 'message');
  socket.send(data);
  const [message, binary] = await answer;
  return { message, binary };
};

const socket = await open({ headers: { 'X-Forwarded-For': '6.6.6.6' } });
const text = String((await ask(socket, 'grüße')).message);
const large = Buffer.alloc(3_000_000, 'binary ');
const echoed = await ask(socket, large);
const pong = once(socket, 'pong');
socket.ping('are you there');
const [payload] = await pong;
const who = JSON.parse(String((await ask(socket, 'who')).message));

// Quiet for a while, then still there: no timeout of a plain request may cut it.
await new Promise((resolve) => { setTimeout(resolve, Number(process.argv[3] ?? 1500)); });
const afterQuiet = String((await ask(socket, 'still')).message);

const closed = once(socket, 'close');
socket.send('bye');
const [code, reason] = await closed;

const many = await Promise.all(Array.from({ length: 40 }, async (_, index) => {
  const one = await open();
  const { message } = await ask(one, `number ${index}`);
  one.terminate();
  return String(message) === `number ${index}`;
}));

console.log(JSON.stringify({
  text,
  binary: echoed.binary && large.equals(echoed.message),
  pong: String(payload),
  who,
  afterQuiet,
  close: [code, String(reason)],
  many: many.filter(Boolean).length,
}));
process.exit(0);
