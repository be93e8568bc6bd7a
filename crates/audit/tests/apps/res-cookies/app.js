const express = require('express');
const helmet = require('helmet');
const { setAuth, clearAuth, REFRESH } = require('./cookies');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());

app.get('/prefs', (req, res) => {
  res.cookie('theme', req.query.theme === 'dark' ? 'dark' : 'light', { maxAge: 31536000000, secure: true, sameSite: 'lax' }); // ok cookie/httponly-disabled cookie/no-secure
  res.cookie('XSRF-TOKEN', 'value', { secure: true, sameSite: 'strict' }); // ok cookie/httponly-disabled
  res.end();
});

app.get('/refresh', (req, res) => {
  setAuth(res, 'a', 'b');
  res.cookie('refresh_token', 'b', REFRESH); // ok cookie/no-secure cookie/httponly-disabled cookie/no-samesite cookie/no-expiry
  res.cookie('jwt', 'c', { ...REFRESH, httpOnly: false }); // !! cookie/httponly-disabled
  res.cookie('remember_me', 'd', { maxAge: 9e9, httpOnly: true, secure: false, sameSite: 'lax', domain: 'example.com', path: 'app' }); // !! cookie/no-secure cookie/broad-domain cookie/relative-path
  res.status(200).cookie('session', 'e', { secure: true, httpOnly: true, sameSite: 'lax' }).end(); // !! cookie/no-expiry
});

app.get('/signout', (req, res) => {
  clearAuth(res);
  res.clearCookie('jwt'); // ok cookie/no-secure cookie/httponly-disabled cookie/no-samesite
  res.cookie('session', '', { maxAge: 0, httpOnly: true, secure: true, sameSite: 'lax' }); // ok cookie/no-expiry
  res.redirect('/');
});

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
