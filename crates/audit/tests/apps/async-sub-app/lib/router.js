import express from 'express';
import session from 'express-session';

export default async function (config) {
  const router = express.Router();
  router.use(session({ // !! session/memory-store cookie/no-secure cookie/no-samesite cookie/no-expiry // ok session/default-name
    key: config.site.cookie,
    secret: config.site.sessionSecret, // ok secrets/hardcoded
    resave: true,
    saveUninitialized: true,
  }));
  router.all('*', (req, res, next) => {
    res.locals.base = req.baseUrl;
    next();
  });
  router.get('/', (req, res) => res.send('ok'));
  router.post('/db', (req, res) => {
    res.redirect('back'); // ok redirect/open
  });
  return router;
}
