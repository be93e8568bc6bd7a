const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const Redis = require('ioredis');
const { RedisStore } = require('connect-redis');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(session({
  store: new RedisStore({ client: new Redis(process.env.REDIS_URL) }),
  name: 'id',
  secret: [process.env.SECRET, process.env.OLD_SECRET], // ok secrets/hardcoded
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax', maxAge: 3600000 },
}));

app.get('/callback', async (req, res) => {
  const answer = await fetch(process.env.TOKENS, { method: 'POST', body: new URLSearchParams({ code: req.query.code }) });
  req.session.accessToken = (await answer.json()).access_token; // ok session/cookie-session-sensitive
  res.redirect('/'); // ok redirect/open
});

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
