var express = require('express');
var helmet = require('helmet');
var session = require('express-session');
var RedisStore = require('connect-redis')(session);
var MemoryStore = session.MemoryStore;

var app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use('/app', session({ // ok session/memory-store
  secret: process.env.SECRET,
  key: 'app.id', // ok session/default-name
  resave: false,
  saveUninitialized: false,
  store: new RedisStore({ host: 'localhost' }),
  cookie: { secure: 'auto', sameSite: true, maxAge: 3600000 }, // ok cookie/no-secure cookie/no-samesite
}));
app.use('/legacy', session({
  secret: process.env.SECRET,
  name: 'legacy.id',
  resave: false,
  saveUninitialized: false,
  store: new MemoryStore(), // !! session/memory-store
  cookie: { secure: true, sameSite: false, maxAge: 3600000 }, // !! cookie/no-samesite
}));
app.get('/app', function (req, res) { res.send('ok'); });
app.get('/legacy', function (req, res) { res.send('ok'); });
app.use(function (req, res) { res.status(404).end(); });
app.use(function (err, req, res, next) { res.status(500).end(); });
app.listen(3000);
