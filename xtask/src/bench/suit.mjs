// The same app of Express's with what its field has for it: Helmet, sessions in memory, a limit of
// requests for each client. Says at which port it listens.
import express from 'express';
import helmet from 'helmet';
import session from 'express-session';
import { RateLimiterMemory } from 'rate-limiter-flexible';

// The store in memory warns that it is not for production.
console.warn = () => {};
console.error = () => {};

const app = express();
const limiter = new RateLimiterMemory({ points: 4294967295, duration: 3600 });
const page = 'x'.repeat(1024);

app.set('trust proxy', 'loopback');
app.use(helmet());
app.use(async (req, res, next) => {
  try {
    const stands = await limiter.consume(req.ip);
    res.set('RateLimit', `"/";r=${stands.remainingPoints};t=${Math.ceil(stands.msBeforeNext / 1000)}`);
    next();
  } catch {
    res.sendStatus(429);
  }
});
app.use(session({
  secret: 'keyboard cat', resave: false, saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax' },
}));
app.get('/', (req, res) => {
  if (req.session.views === undefined) return res.sendStatus(418);
  return res.type('text/plain').send(page);
});
app.get('/make', (req, res) => {
  req.session.views = 1;
  res.sendStatus(204);
});
app.post('/login', (req, res) => res.sendStatus(401));

const server = app.listen(0, '127.0.0.1', () => console.log(server.address().port));
process.stdin.resume().on('end', () => process.exit(0));
