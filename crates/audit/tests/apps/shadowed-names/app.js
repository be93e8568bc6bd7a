const express = require('express');
const helmet = require('helmet');
const session = require('./session');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(session({ secret: process.env.SECRET })); // ok session/memory-store session/default-name cookie/no-secure cookie/no-samesite
app.get('/', (req, res) => {
  const cookieJar = { cookie: (name, value) => `${name}=${value}` };
  const shop = { redirect: (to) => to };
  cookieJar.cookie('token', '1'); // ok cookie/no-secure cookie/httponly-disabled cookie/no-samesite
  shop.redirect(req.query.next); // ok redirect/open
  res.send('ok');
});
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);

function later(express, app) {
  const inner = express(); // ok headers/helmet-missing fingerprint/x-powered-by
  inner.post('/login', () => {}); // ok auth/no-rate-limit
  return inner.listen(app);
}
module.exports = { later };
