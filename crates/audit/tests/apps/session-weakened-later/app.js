'use strict';

const express = require('express'), helmet = require('helmet'), expressSession = require('express-session');
const RedisStore = require('connect-redis').RedisStore;
const redis = require('redis');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());

const cookie = { secure: true, httpOnly: true, sameSite: 'lax', maxAge: 3600000 }; // ok cookie/no-secure cookie/httponly-disabled
const options = Object.assign({}, { resave: false, saveUninitialized: false }, {
  name: 'connect.sid', // !! session/default-name
  secret: process.env.SESSION_SECRET,
  store: new RedisStore({ client: redis.createClient() }),
  cookie,
});
options.cookie.secure = false; // !! cookie/no-secure
options.cookie['httpOnly'] = false; // !! cookie/httponly-disabled
cookie.path = 'admin'; // !! cookie/relative-path
cookie.domain = '.example.com'; // !! cookie/broad-domain

app.use(expressSession(options)); // ok session/memory-store cookie/no-samesite cookie/no-expiry

app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(8080);
