import bodyParser from 'body-parser';
import express from 'express';
import session from 'express-session';

const users = new Map([
  ['ada', 'lovelace'],
  ['grace', 'hopper'],
]);

const app = express();
app.use(session({ secret: 'keyboard cat', resave: true, saveUninitialized: true }));
app.use(bodyParser.urlencoded({ extended: false }));

const page = (title, body) => `<!doctype html>
<html lang="en">
<meta charset="utf-8">
<title>${title}</title>
<h1>${title}</h1>
${body}
</html>`;

const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);

app.get('/', (req, res) => {
  res.send(page('Welcome', req.session.user
    ? '<p><a href="/account">Your account</a></p>'
    : '<p><a href="/login">Log in</a></p>'));
});

const form = (message = '') => page('Log in', `
<p id="message">${message}</p>
<form method="post" action="/login">
  <label>Name <input name="username" autocomplete="username"></label>
  <label>Password <input name="password" type="password" autocomplete="current-password"></label>
  <button>Log in</button>
</form>`);

app.get('/login', (req, res) => {
  res.send(form());
});

app.post('/login', (req, res, next) => {
  const { username = '', password = '' } = req.body ?? {};
  if (!users.has(username) || users.get(username) !== password) {
    // With status 200, as many apps do: only the page tells that it was wrong.
    res.send(form('Wrong name or password.'));
    return;
  }
  req.session.regenerate((error) => {
    if (error) {
      next(error);
      return;
    }
    req.session.user = username;
    res.redirect('/account');
  });
});

app.get('/account', (req, res) => {
  if (!req.session.user) {
    res.redirect('/login');
    return;
  }
  res.send(page('Account', `
<p>Logged in as <b id="user">${escape(req.session.user)}</b>.</p>
<form method="post" action="/logout"><button>Log out</button></form>`));
});

app.post('/logout', (req, res, next) => {
  req.session.destroy((error) => {
    if (error) {
      next(error);
      return;
    }
    res.redirect('/');
  });
});

const server = app.listen(process.env.PORT ?? 3000, '127.0.0.1', () => {
  console.log(`express-login listens on http://127.0.0.1:${server.address().port}`);
});
