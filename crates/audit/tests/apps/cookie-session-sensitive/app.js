const express = require('express');
const helmet = require('helmet');
const cookies = require('cookie-session');
const { rateLimit } = require('express-rate-limit');
const users = require('./users');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.urlencoded({ extended: false }));
app.use(cookies({ name: 's', keys: ['one key', process.env.KEY], maxAge: 86400000, secure: true, sameSite: 'lax' })); // !! secrets/hardcoded // ok session/memory-store session/default-name cookie/no-expiry session/cookie-session-nested cookie/httponly-disabled

const limiter = rateLimit({ windowMs: 60000, limit: 5, keyGenerator: (req) => `${req.body.username}|${req.ip}` }); // ok auth/limiter-spoofable-key

app.post('/login', limiter, async (req, res) => { // ok auth/no-rate-limit auth/limiter-ip-only
  const user = await users.check(req.body.username, req.body.password);
  if (!user) return res.sendStatus(401);
  req.session.userId = user.id; // ok session/cookie-session-sensitive
  req.session.password = req.body.password; // !! session/cookie-session-sensitive
  req.session.flash = 'welcome'; // ok session/cookie-session-sensitive
  res.redirect('/');
});

app.get('/callback', async (req, res) => {
  const answer = await users.exchange(req.query.code);
  req.session.accessToken = answer.access_token; // !! session/cookie-session-sensitive
  res.redirect('/');
});

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
