const express = require('express');
const lusca = require('lusca');
const session = require('express-session');
const config = require('config');

const app = express(); // ?? headers/helmet-missing // ok errors/default-404 errors/default-handler
app.disable('x-powered-by');
app.set('trust proxy', config.get('proxies')); // ok proxy/trust-all
app.use(lusca({ csp: { policy: { 'default-src': "'self'" } }, xframe: 'SAMEORIGIN', hsts: { maxAge: 31536000 }, nosniff: true, referrerPolicy: 'same-origin' }));
app.use(session(config.get('session'))); // ?? session/memory-store session/default-name cookie/no-secure cookie/no-samesite cookie/no-expiry
app.get('/', (req, res) => {
  send(res, 'token', '1', { secure: true, httpOnly: true, sameSite: 'lax', maxAge: 1000 });
  res.send('ok');
});
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);

function send(res, name, value, options) {
  res.cookie(name, value, options); // ?? cookie/no-secure cookie/httponly-disabled cookie/no-samesite cookie/no-expiry
}
