const express = require('express');
const session = require('express-session');
const cookieParser = require('cookie-parser');
const path = require('path');
const users = require('./users');

const app = express(); // !! headers/helmet-missing fingerprint/x-powered-by errors/default-404 errors/default-handler

app.set('view engine', 'ejs');
app.use(express.urlencoded({ extended: false }));
app.use(cookieParser());
app.use(express.static(path.join(__dirname, 'public')));
app.use(session({ // !! session/memory-store session/default-name cookie/no-secure cookie/no-samesite cookie/no-expiry // ok cookie/httponly-disabled
  secret: 'keyboard cat', // !! secrets/hardcoded
  resave: false,
  saveUninitialized: true,
}));

app.get('/login', (req, res) => res.render('login', { failed: false }));

app.post('/login', (req, res) => { // !! auth/no-rate-limit
  const user = users.check(req.body.username, req.body.password);
  if (!user) return res.status(401).render('login', { failed: true });
  req.session.userId = user.id;
  res.cookie('token', user.token); // !! cookie/no-secure cookie/httponly-disabled cookie/no-samesite cookie/no-expiry
  res.redirect(req.query.next || '/'); // !! redirect/open
});

app.post('/logout', (req, res) => { // ok auth/no-rate-limit
  req.session.destroy(() => res.redirect('/')); // ok redirect/open
});

app.get('/', (req, res) => res.render('index', { userId: req.session.userId }));

app.listen(3000, () => console.log('http://localhost:3000')); // !! tls/plain-http-server
