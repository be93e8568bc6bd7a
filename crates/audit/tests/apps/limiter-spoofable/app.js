const express = require('express');
const helmet = require('helmet');
const { rateLimit, ipKeyGenerator } = require('express-rate-limit');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.json());

const byHeader = rateLimit({
  windowMs: 60_000,
  limit: 5,
  keyGenerator: (req) => req.headers['x-forwarded-for'] || req.socket.remoteAddress, // !! auth/limiter-spoofable-key
});
const byGet = rateLimit({ windowMs: 60_000, limit: 5, keyGenerator: clientKey }); // !! auth/limiter-spoofable-key
const byAddress = rateLimit({ windowMs: 60_000, limit: 5, keyGenerator: (req) => ipKeyGenerator(req.ip) + req.body.email }); // ok auth/limiter-spoofable-key

function clientKey(req) {
  return req.get('X-Real-IP');
}

app.post('/login', byHeader, login); // ok auth/no-rate-limit // ?? auth/limiter-ip-only
app.post('/api/login', byGet, login); // ok auth/no-rate-limit // ?? auth/limiter-ip-only
app.post('/admin/login', byAddress, login); // ok auth/no-rate-limit auth/limiter-ip-only

async function login(req, res) {
  const answer = await fetch(process.env.IDENTITY, { method: 'POST', body: JSON.stringify(req.body) });
  res.sendStatus(answer.ok ? 204 : 401);
}

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
