module.exports = function initialize(app, options) {
  const secret = options.secret || require('crypto').randomBytes(64).toString('hex'); // ok secrets/hardcoded
  const config = {
    name: 'dash',
    secret,
    resave: false,
    saveUninitialized: false,
    cookie: { maxAge: options.maxAge, httpOnly: true, sameSite: 'lax' },
  };
  if (options.store) {
    config.store = options.store;
  }
  app.use(require('express-session')(config)); // !! cookie/no-secure // ?? session/memory-store cookie/no-expiry // ok session/default-name cookie/no-samesite
  app.post('/login', (req, res) => { // !! auth/no-rate-limit
    if (req.body.password !== process.env.PASSWORD) return res.redirect('/login');
    req.session.user = 'admin';
    res.redirect(app.mountpath); // ok redirect/open
  });
};
