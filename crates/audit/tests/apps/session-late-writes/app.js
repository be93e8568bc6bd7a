const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');

const app = express();
app.use(helmet());

const sess = {
  secret: process.env.SESSION_SECRET,
  name: 'id',
  resave: false,
  saveUninitialized: false,
  cookie: { sameSite: 'strict' }, // ok cookie/no-secure cookie/no-expiry
};

if (app.get('env') === 'production') {
  app.set('trust proxy', 1);
  sess.cookie.secure = true; // ok proxy/trust-unset
  sess.store = new RedisStore({ client: createClient({ url: process.env.REDIS_URL }) });
}
sess.cookie.maxAge = 3600_000;

app.use(session(sess)); // ok session/memory-store session/default-name cookie/no-secure cookie/no-samesite cookie/no-expiry

app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());

app.listen(8080); // ok tls/plain-http-server
