const express = require('express');
const { rateLimit } = require('express-rate-limit');

const app = express(); // ok headers/helmet-missing fingerprint/x-powered-by
app.set('trust proxy', 1);
app.use(require('helmet')());
app.use(express.json());
app.use(rateLimit({ windowMs: 15 * 60 * 1000, limit: 100 })); // ok auth/limiter-too-late

app.post('/users/authenticate', check); // !! auth/limiter-ip-only // ok auth/no-rate-limit
app.post('/authors', (req, res) => res.sendStatus(201)); // ok auth/no-rate-limit auth/limiter-ip-only

async function check(req, res) {
  const { email, password } = req.body;
  const answer = await fetch(process.env.IDENTITY, { method: 'POST', body: JSON.stringify({ email, password }) });
  res.sendStatus(answer.ok ? 204 : 401);
}

app.use('*', (req, res) => res.status(404).end()); // ok errors/default-404
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
