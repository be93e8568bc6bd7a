// Node's own fetch against express-files (FILES) and express-realtime (REALTIME), both https origins.
import { createHash } from 'node:crypto';
import { setTimeout as pause } from 'node:timers/promises';

const [files, realtime] = process.argv.slice(2);
const out = {};

// Events must come one by one, as they are sent.
{
  const started = Date.now();
  const answer = await fetch(`${realtime}/events?count=5&pause=200`);
  out.eventType = answer.headers.get('content-type');
  out.eventTimes = [];
  const decoder = new TextDecoder();
  for await (const chunk of answer.body) {
    for (const _ of decoder.decode(chunk).matchAll(/^data:/gm)) {
      out.eventTimes.push(Date.now() - started);
    }
  }
}

// A client that goes away is noticed by the app.
{
  const gone = new AbortController();
  const answer = await fetch(`${realtime}/events?count=1000&pause=100`, { signal: gone.signal });
  await answer.body.getReader().read();
  out.streamsWhile = (await (await fetch(`${realtime}/open`)).json()).streams;
  gone.abort();
  for (let left = 50; left > 0; left -= 1) {
    out.streamsAfter = (await (await fetch(`${realtime}/open`)).json()).streams;
    if (out.streamsAfter === 0) {
      break;
    }
    await pause(100);
  }
}

// An upload of unknown length, streamed.
{
  const hash = createHash('sha256');
  let sent = 0;
  const body = new ReadableStream({
    pull(controller) {
      if (sent >= 8_000_000) {
        controller.close();
        return;
      }
      const block = Buffer.alloc(50_000, `block ${sent} `);
      sent += block.length;
      hash.update(block);
      controller.enqueue(block);
    },
  });
  const answer = await (await fetch(`${files}/upload`, { method: 'PUT', body, duplex: 'half' })).json();
  out.upload = { right: answer.sha256 === hash.digest('hex') && answer.bytes === sent, bytes: answer.bytes };
}

// Both directions at once: each count comes back before the next block is sent.
{
  let enqueue;
  const body = new ReadableStream({ start(controller) { enqueue = controller; } });
  enqueue.enqueue(Buffer.alloc(10));
  const answer = await fetch(`${files}/progress`, { method: 'POST', body, duplex: 'half' });
  const reader = answer.body.pipeThrough(new TextDecoderStream()).getReader();
  out.progress = [JSON.parse((await reader.read()).value).bytes];
  for (const size of [20, 30]) {
    enqueue.enqueue(Buffer.alloc(size));
    out.progress.push(JSON.parse((await reader.read()).value).bytes);
  }
  enqueue.close();
  const rest = await reader.read();
  out.progressDone = rest.value.includes('"done":true');
}

// Decoded by the client, so the coding passed through.
{
  const answer = await fetch(`${files}/compressed`);
  out.coding = answer.headers.get('content-encoding');
  out.decoded = (await answer.text()).length;
}

console.log(JSON.stringify(out));
process.exit(0);
