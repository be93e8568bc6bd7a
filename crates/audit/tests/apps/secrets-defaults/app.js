const crypto = require('crypto');
const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const defaults = require('./config/default.json');

const { FIRST_SECRET = 'change me' } = process.env; // !! secrets/hardcoded
const second = process.env.NODE_ENV === 'production' ? process.env.SECOND_SECRET : 'for development'; // ok secrets/hardcoded
const fifth = process.env.FIFTH_SECRET || crypto.randomBytes(32).toString('hex'); // ok secrets/hardcoded

const store = new RedisStore({ client: createClient() });
const cookie = { secure: process.env.NODE_ENV !== 'development', sameSite: 'lax', maxAge: 3600000 }; // ok cookie/no-secure
const common = { store, name: 'id', resave: false, saveUninitialized: false, cookie };

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use('/one', session({ ...common, secret: FIRST_SECRET })); // ok session/memory-store session/default-name
app.use('/two', session({ ...common, secret: second })); // ok secrets/hardcoded
app.use('/three', session({ ...common, secret: defaults.sessionSecret })); // ok secrets/hardcoded
app.use('/four', session({ ...common, secret: [process.env.FOURTH_SECRET, 'the one before'] })); // !! secrets/hardcoded
app.use('/five', session({ ...common, secret: fifth })); // ok secrets/hardcoded
app.use('/six', session({ ...common, secret: process.env.SECRET, cookie: { ...cookie, secure: process.env.NODE_ENV === 'development' } })); // !! cookie/no-secure
app.use('/seven', session({ ...common, secret: process.env.SECRET, cookie: { ...cookie, secure: process.env.COOKIE_SECURE === 'true' } })); // ?? cookie/no-secure
app.get('/one', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
