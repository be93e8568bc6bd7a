var express = require('express');
var helmet = require('helmet');
var session = require('express-session');
var PgStore = require('connect-pg-simple')(session);
var passport = require('passport');
var ExpressBrute = require('express-brute');

var app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.urlencoded({ extended: false }));
app.use(session({
  store: new PgStore({ conString: process.env.DATABASE_URL }),
  secret: process.env.SECRET,
  name: 'id',
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax', maxAge: 3600000 },
}));
app.use(passport.initialize());
app.use(passport.session());

var brute = new ExpressBrute(new ExpressBrute.MemoryStore()); // ok session/memory-store

app.post('/login', brute.prevent, passport.authenticate('local', { // ok auth/no-rate-limit // ?? auth/limiter-ip-only
  successRedirect: '/',
  failureRedirect: '/login',
}));
app.use(function (req, res) { res.status(404).end(); });
app.use(function (err, req, res, next) { res.status(500).end(); });
app.listen(3000);
