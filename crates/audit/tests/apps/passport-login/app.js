const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const passport = require('passport');
const PgStore = require('connect-pg-simple')(session);
require('./passport')(passport);

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.urlencoded({ extended: false }));
app.use(session({
  store: new PgStore(),
  secret: process.env.SECRET,
  name: 'id',
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax', maxAge: 3600000 },
}));
app.use(passport.initialize());
app.use(passport.session());

app.post('/enter', passport.authenticate('local', { successRedirect: '/', failureRedirect: '/enter' })); // !! auth/no-rate-limit
app.get('/auth/google', passport.authenticate('google', { scope: ['profile'] })); // ok auth/no-rate-limit
app.get('/auth/google/callback', passport.authenticate('google'), (req, res) => { // ok auth/no-rate-limit
  res.redirect(req.session.returnTo || '/'); // ok redirect/open
});
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
