// A login whose answer to a wrong password the client has a hand in. `X-App` says which; the app counts
// the passwords that each was shown.

import { fileURLToPath } from 'node:url';

import express from 'express';
import methodOverride from 'method-override';

const page = fileURLToPath(new URL('page.html', import.meta.url));
const escape = (text) => text.replace(/[&<>"']/g, (c) => `&#${c.charCodeAt(0)};`);
const form = (action) => `<!doctype html><form action="${escape(action)}"><input type="password" name="password"></form>`;

const wrong = {
  // Tutorials send the page again, and `send` knows ranges and conditions whatever the method is.
  file: (req, res) => res.sendFile(page),
  // As the guide to Express 5 says in place of `res.redirect('back')`.
  back: (req, res) => res.redirect(req.get('Referrer') || '/'),
  // As PHP and Laravel, which know where the session was before.
  session: (req, res) => res.redirect(req.headers.referer ?? '/home'),
  // Django's admin has the whole address in the page, before the field.
  long: (req, res) => res.send(form(req.originalUrl)),
  page: (req, res) => res.send(form('/login')),
  json: (req, res) => res.json({ success: false, message: 'Wrong name or password.' }),
  already: (req, res) => res.status(401).send('Wrong name or password.'),
  query: (req, res) => res.redirect('/?error=Wrong+name+or+password'),
};

const app = express();
const shown = {};
app.use(methodOverride('X-HTTP-Method-Override', { methods: null }));
app.use(express.urlencoded({ extended: false, limit: '1mb' }));
app.get('/shown', (req, res) => { res.send(String(shown[req.query.app] ?? 0)); });
app.post('/login', (req, res) => {
  const which = req.get('x-app');
  // As Devise, Laravel and Django do: whoever is logged in already is led on, whatever he sends.
  if (which === 'already' && req.get('cookie')?.includes('user=mallory')) return res.redirect('/');
  shown[which] = (shown[which] ?? 0) + 1;
  if (req.body.password === 'right') {
    res.redirect('/');
  } else {
    wrong[which](req, res);
  }
});
const server = app.listen(process.env.PORT, '127.0.0.1', () => {
  console.log(`answers listens on ${server.address().port}`);
});
