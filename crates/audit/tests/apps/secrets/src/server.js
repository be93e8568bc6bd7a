require('dotenv').config(); // ok secrets/sample-env-loaded
const express = require('express');
const helmet = require('helmet');
const cookieParser = require('cookie-parser');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const config = require('../config');
const tokens = require('./tokens');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(cookieParser('cookie parser secret')); // !! secrets/hardcoded
app.use(session({
  store: new RedisStore({ client: createClient({ url: config.redis }) }),
  name: config.cookieName,
  secret: config.sessionSecret, // ok secrets/hardcoded
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax', maxAge: 3600000 },
}));
app.get('/token', (req, res) => res.json({ token: tokens.issue(req.session.userId) }));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(config.port);
