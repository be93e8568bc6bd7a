const express = require('express');
const helmet = require('helmet');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());

app.get('/a', (req, res) => res.redirect(req.query.url)); // !! redirect/open
app.get('/b', (req, res) => {
  const { next } = req.query;
  return res.redirect(302, next); // !! redirect/open
});
app.get('/c', ({ query }, response) => {
  let target = '/home';
  if (query.return_to) target = query.return_to;
  response.redirect(target); // !! redirect/open
});
app.get('/d', (req, res) => res.redirect(`${req.query.base}/done`)); // !! redirect/open
app.get('/e/:url', (req, res) => res.redirect(decodeURIComponent(req.params.url))); // !! redirect/open
app.get('/f', (req, res) => {
  res.set('Location', req.body.to); // !! redirect/open
  res.status(302).end();
});
app.get('/g', (req, res) => res.location(req.query.to).sendStatus(303)); // !! redirect/open

app.get('/h', (req, res) => res.redirect(`/user/${req.params.id}`)); // ok redirect/open
app.get('/i', (req, res) => res.redirect('/search?q=' + encodeURIComponent(req.query.q))); // ok redirect/open
app.get('/j', (req, res) => {
  const allowed = { home: '/', news: '/news' };
  res.redirect(allowed[req.query.page] || '/'); // ok redirect/open
});
app.get('/k', (req, res) => {
  const next = req.query.next;
  if (typeof next === 'string' && next.startsWith('/') && !next.startsWith('//') && !next.startsWith('/\\')) {
    return res.redirect(next); // ok redirect/open
  }
  res.redirect('/');
});
app.get('/l', (req, res) => {
  const hosts = ['example.com', 'www.example.com'];
  const url = new URL(req.query.url, 'https://example.com');
  if (!hosts.includes(url.hostname)) return res.sendStatus(400);
  res.redirect(url); // ok redirect/open
});
app.get('/m', (req, res) => res.redirect(301, 'https://' + 'example.com' + req.originalUrl)); // ok redirect/open
app.get('/n', (req, res) => res.redirect(safe(req.query.next))); // ok redirect/open
app.get('/o', (req, res) => res.redirect(process.env.HOME_PAGE)); // ok redirect/open
app.get('/p', (req, res) => res.redirect(`https://accounts.example.com/?state=${req.query.state}`)); // ok redirect/open

function safe(next) {
  return /^\/(?![/\\])/.test(next) ? next : '/';
}

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
