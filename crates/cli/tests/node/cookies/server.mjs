// An app with each kind of cookie that Express apps have, and nothing done about any of them:
// express-session with passport, cookie-session, a token that page script reads, a theme that it
// writes, and whatever a request asks for.
import cookieSession from 'cookie-session';
import express from 'express';
import session from 'express-session';
import passport from 'passport';
import { Strategy } from 'passport-local';
import { randomBytes } from 'node:crypto';

const app = express();
const form = express.urlencoded({ extended: false });

// What the app itself is sent, for the tests.
app.get('/seen', (req, res) => {
  res.json({ cookie: req.headers.cookie ?? null });
});
// Sets what it is asked to.
app.get('/set', (req, res) => {
  for (const line of [req.query.line ?? []].flat()) {
    res.append('Set-Cookie', line);
  }
  res.end();
});

// All of the session in the cookie.
const basket = cookieSession({ name: 'session', keys: ['the newest key', 'an older key'] });
app.get('/basket/add', basket, (req, res) => {
  req.session.items = [...(req.session.items ?? []), req.query.item];
  res.json(req.session.items);
});
app.get('/basket', basket, (req, res) => {
  res.json(req.session.items ?? []);
});

// A token that page script sends back.
app.use('/token', session({ name: 'other.sid', secret: 'keyboard cat', resave: false, saveUninitialized: false }));
app.get('/token', (req, res) => {
  req.session.token = randomBytes(16).toString('hex');
  res.cookie('XSRF-TOKEN', req.session.token);
  res.cookie('theme', 'dark');
  res.type('html').send('<!doctype html><title>token</title><p id="said"></p><script src="/token.js"></script>');
});
app.get('/token.js', (req, res) => {
  res.type('js').send(`
    const read = (name) => document.cookie.split('; ').find((pair) => pair.startsWith(name + '='))?.split('=')[1];
    fetch('/token', { method: 'POST', headers: { 'x-xsrf-token': read('XSRF-TOKEN') ?? 'none' } })
      .then(async (answer) => { document.querySelector('#said').textContent = await answer.text(); });`);
});
app.post('/token', (req, res) => {
  const right = req.session.token && req.get('x-xsrf-token') === req.session.token;
  res.status(right ? 200 : 403).send(right ? 'the token was right' : 'the token was wrong');
});

// The article's session, with passport on it.
app.use(session({ secret: 'keyboard cat', resave: true, saveUninitialized: true }));
app.use(passport.session());
passport.use(new Strategy((name, password, done) => {
  done(null, name === 'ada' && password === 'lovelace' ? { name } : false);
}));
passport.serializeUser((user, done) => { done(null, user.name); });
passport.deserializeUser((name, done) => { done(null, { name }); });

app.get('/login', (req, res) => {
  res.type('html').send(`<!doctype html><title>login</title>
<form method="post"><input name="username"><input name="password" type="password"><button>Log in</button></form>`);
});
app.post('/login', form, passport.authenticate('local', { failureRedirect: '/login', successRedirect: '/account' }));
app.get('/account', (req, res) => {
  res.type('html').send(`<!doctype html><title>account</title><p id="user">${req.user?.name ?? 'nobody'}</p>
<form method="post" action="/logout"><button>Log out</button></form>`);
});
app.post('/logout', (req, res, next) => {
  req.logout((error) => {
    if (error) {
      next(error);
      return;
    }
    req.session.destroy(() => {
      res.clearCookie('connect.sid').redirect('/account');
    });
  });
});

const server = app.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`cookies listens on http://127.0.0.1:${server.address().port}`);
});
