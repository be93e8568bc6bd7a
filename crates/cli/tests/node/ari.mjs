// What pebble lacks: renewal information (RFC 9773) and profiles, in front of it.
//
// node ari.mjs PORT PEBBLE CERTIFICATE KEY CA: everything else is passed on. The first certificate
// that is asked about is to be renewed at once, others much later.

import fs from "node:fs";
import https from "node:https";

const [port, pebble, certificate, key, ca] = process.argv.slice(2);
const origin = `https://127.0.0.1:${port}`;
const upstream = { host: "127.0.0.1", port: pebble, ca: fs.readFileSync(ca) };
const profiles = { classic: "as ever", shortlived: "six days" };
let first;

const problem = (type, detail) =>
  [400, "application/problem+json", { type: `urn:ietf:params:acme:error:${type}`, detail, status: 400 }];

function window(id) {
  first ??= id;
  const now = Date.now();
  const moment = (hours) => new Date(now + hours * 3600e3).toISOString().replace(/\.\d+/, "");
  const [start, end] = id === first ? [-2, -1] : [1000, 2000];
  return { suggestedWindow: { start: moment(start), end: moment(end) } };
}

function pass(request, body, edit) {
  const { method, url, headers } = request;
  return new Promise((resolve, reject) => {
    const asked = https.request({ ...upstream, method, path: url, headers }, (answer) => {
      const parts = [];
      answer.on("data", (part) => parts.push(part));
      answer.on("end", () => {
        let bytes = Buffer.concat(parts);
        if (edit && answer.statusCode < 300) bytes = Buffer.from(edit(JSON.parse(bytes)));
        const { "content-length": _, ...kept } = answer.headers;
        resolve([answer.statusCode, kept, bytes]);
      });
    });
    asked.on("error", reject);
    asked.end(body);
  });
}

async function answer(request, response, body) {
  const send = (status, type, json) => {
    const headers = { "content-type": type, "retry-after": "3600" };
    response.writeHead(status, headers).end(JSON.stringify(json));
  };
  if (request.url.startsWith("/ari/")) {
    const id = request.url.slice("/ari/".length);
    console.log(`asked about ${id}`);
    return send(200, "application/json", window(id));
  }
  let edit;
  if (request.url === "/dir") {
    edit = (directory) => {
      directory.renewalInfo = `${origin}/ari`;
      directory.meta.profiles = profiles;
      return JSON.stringify(directory);
    };
  } else if (request.url === "/order-plz") {
    const payload = JSON.parse(Buffer.from(JSON.parse(body).payload, "base64url"));
    const { replaces, profile } = payload;
    console.log(`ordered profile=${profile} replaces=${replaces}`);
    if (profile && !(profile in profiles)) return send(...problem("invalidProfile", "no such profile"));
    edit = (order) => JSON.stringify({ ...order, replaces, profile });
  }
  const [status, headers, bytes] = await pass(request, body, edit);
  response.writeHead(status, headers).end(bytes);
}

const tls = { cert: fs.readFileSync(certificate), key: fs.readFileSync(key) };
https
  .createServer(tls, (request, response) => {
    const parts = [];
    request.on("data", (part) => parts.push(part));
    request.on("end", () => answer(request, response, Buffer.concat(parts)).catch((error) => {
      console.log(`failed: ${error}`);
      response.writeHead(502).end();
    }));
  })
  .listen(Number(port), "127.0.0.1", () => console.log("stub ready"));
