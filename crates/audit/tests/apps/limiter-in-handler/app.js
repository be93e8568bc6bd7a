const express = require('express');
const helmet = require('helmet');
const { RateLimiterMemory } = require('rate-limiter-flexible');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.json());

const failures = new RateLimiterMemory({ points: 5, duration: 900 });

function perUser(req, res, next) {
  failures.consume(`${req.body.email}:${req.ip}`).then(() => next(), () => res.sendStatus(429));
}

class AuthController {
  static async login(req, res) {
    const answer = await fetch(process.env.IDENTITY, { method: 'POST', body: JSON.stringify(req.body) });
    res.sendStatus(answer.ok ? 204 : 401);
  }
}

app.post('/login', perUser, AuthController.login); // ok auth/no-rate-limit auth/limiter-ip-only
app.post('/v2/login', AuthController.login); // !! auth/no-rate-limit

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
