const express = require('express');
const helmet = require('helmet');
const passport = require('passport');
const bcrypt = require('./hash');
const settings = require('./settings');

const app = express();
app.set('trust proxy', settings.proxies);
app.use(helmet());
app.use(express.json());
app.use(passport.initialize());

app.post('/api/enter', (req, res, next) => { // !! auth/no-rate-limit
  passport.authenticate('local', (err, user, info) => {
    if (err) return next(err);
    if (!user) return res.status(401).json({ error: info.message });
    req.logIn(user, (failed) => (failed ? next(failed) : res.json({ ok: true })));
  })(req, res, next);
});

app.post(`${settings.prefix}/${app.get('signinPath')}`, async (req, res) => { // !! auth/no-rate-limit
  if (await bcrypt.compare(String(req.body.password), settings.hash)) return res.json({ ok: true });
  res.status(401).json({ ok: false });
});

app.post('/saml/login/callback', passport.authenticate('saml', { failureRedirect: '/' }), (req, res) => res.redirect('/')); // ok auth/no-rate-limit
app.post('/api/things', passport.authenticate('jwt', { session: false }), (req, res) => res.sendStatus(201)); // ok auth/no-rate-limit
app.post('/api/signout', (req, res) => req.logout(() => res.sendStatus(204))); // ok auth/no-rate-limit
app.get('/login', (req, res) => res.render('login')); // ok auth/no-rate-limit

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
