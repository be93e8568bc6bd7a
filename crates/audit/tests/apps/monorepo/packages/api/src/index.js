const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.json());
app.use(session({ // !! cookie/no-secure // ok session/memory-store
  store: new RedisStore({ client: createClient() }),
  name: 'id',
  secret: process.env.SECRET,
  resave: false,
  saveUninitialized: false,
  cookie: { sameSite: 'lax', maxAge: 3600000 },
}));
app.use('/api', require('./routes'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());

if (require.main === module) {
  app.listen(process.env.PORT || 4000);
}
module.exports = app;
