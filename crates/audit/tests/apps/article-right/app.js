const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const { login } = require('./login');

const redis = createClient({ url: process.env.REDIS_URL });
redis.connect().catch(console.error);

const app = express(); // ok headers/helmet-missing fingerprint/x-powered-by errors/default-404 errors/default-handler
app.disable('x-powered-by');
app.set('trust proxy', 1); // ok proxy/trust-all
app.use(helmet()); // ok headers/helmet-too-late headers/helmet-partial
app.use(express.urlencoded({ extended: false }));
app.use(session({ // ok session/memory-store session/default-name cookie/no-secure cookie/no-samesite cookie/no-expiry cookie/httponly-disabled
  store: new RedisStore({ client: redis }),
  name: 'sessionId',
  secret: process.env.SESSION_SECRET, // ok secrets/hardcoded
  resave: false,
  saveUninitialized: false,
  cookie: {
    secure: true, // ok proxy/trust-unset
    httpOnly: true,
    sameSite: 'lax',
    path: '/', // ok cookie/relative-path
    maxAge: 60 * 60 * 1000,
  },
}));

app.post('/login', login(redis)); // ok auth/no-rate-limit auth/limiter-ip-only

app.get('/go', (req, res) => {
  const url = new URL(req.query.url, 'https://example.com');
  if (url.host !== 'example.com') {
    return res.status(400).end('unsupported host');
  }
  res.redirect(url.href); // ok redirect/open
});

app.use((req, res) => {
  res.status(404).send("Sorry can't find that!");
});

app.use((err, req, res, next) => {
  console.error(err.stack); // ok errors/dev-handler-unguarded
  res.status(500).send('Something broke!');
});

app.listen(process.env.PORT || 3000); // ok tls/plain-http-server
