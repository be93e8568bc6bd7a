// A shop with its sessions in Redis (connect-redis) or PostgreSQL (connect-pg-simple), as Express's own
// guides set them up. It knows nothing of the Rust service that shares them.
import pgSimple from 'connect-pg-simple';
import { RedisStore } from 'connect-redis';
import express from 'express';
import session from 'express-session';
import pg from 'pg';
import { createClient } from 'redis';

const url = process.env.STORE ?? 'redis://127.0.0.1:6379';
const store = url.startsWith('redis')
  ? new RedisStore({ client: await createClient({ url }).connect() })
  : new (pgSimple(session))({ pool: new pg.Pool({ connectionString: url }), createTableIfMissing: true });

const app = express();
app.use(session({
  store,
  // The newest first; the others verify.
  secret: (process.env.SECRETS ?? 'keyboard cat').split(','),
  resave: false,
  saveUninitialized: false,
  cookie: process.env.MAX_AGE ? { maxAge: Number(process.env.MAX_AGE) } : {},
}));

app.get('/', (req, res) => {
  res.type('html').send(`<!doctype html><title>shop</title>
<p id="user">${req.session.user ?? 'nobody'}</p><p id="cart">${(req.session.cart ?? []).join(', ')}</p>
<form method="post" action="/login"><button>Log in</button></form>
<form method="post" action="/cart?add=mug"><button>Buy a mug</button></form>
<form method="post" action="/logout"><button>Log out</button></form>`);
});
app.get('/account', (req, res) => {
  res.json({ user: req.session.user ?? null, cart: req.session.cart ?? [], theme: req.session.theme ?? null });
});
app.post('/login', (req, res, next) => {
  req.session.regenerate((error) => {
    if (error) {
      next(error);
      return;
    }
    req.session.user = 'ada';
    req.session.save((failed) => (failed ? next(failed) : res.redirect('/')));
  });
});
app.post('/theme', (req, res) => {
  req.session.theme = req.query.is;
  res.redirect('/');
});
app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => (error ? next(error) : res.clearCookie('connect.sid').redirect('/')));
});

const server = app.listen(process.env.PORT ?? 3001, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${server.address().port}`);
});
