const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const MongoStore = require('connect-mongo');

const production = process.env.NODE_ENV === 'production';
const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(session({
  store: production ? MongoStore.create({ mongoUrl: process.env.MONGO_URL }) : undefined, // ok session/memory-store
  name: production ? '__Host-id' : 'id', // ok session/default-name
  secret: process.env.SECRET ?? (() => { throw new Error('set SECRET'); })(), // ok secrets/hardcoded
  resave: false,
  saveUninitialized: false,
  cookie: { secure: production, httpOnly: true, sameSite: production ? 'strict' : 'lax', maxAge: 3600e3 }, // ok cookie/no-secure
}));
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
