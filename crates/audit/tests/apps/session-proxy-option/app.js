const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');

const app = express();
app.use(helmet());
app.use(session({
  proxy: true,
  store: new RedisStore({ client: createClient() }),
  name: 'id',
  secret: process.env.SECRET,
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax', maxAge: 3600000 }, // ok proxy/trust-unset
}));
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000); // ok tls/plain-http-server
