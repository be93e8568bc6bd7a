const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const { rateLimit } = require('express-rate-limit');

const app = express();
app.use(helmet());
app.use(rateLimit({ windowMs: 60000, limit: 100 })); // !! proxy/trust-unset
app.use(session({
  store: new RedisStore({ client: createClient() }),
  name: 'id',
  secret: process.env.SECRET,
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax', maxAge: 3600000 }, // !! proxy/trust-unset
}));
app.get('/', (req, res) => {
  res.cookie('seen', '1', { secure: true, httpOnly: true, sameSite: 'lax', maxAge: 60000 }); // ok proxy/trust-unset
  res.send('ok');
});
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000); // !! tls/plain-http-server
