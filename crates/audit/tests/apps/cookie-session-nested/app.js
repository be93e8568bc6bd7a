const express = require('express');
const helmet = require('helmet');
const cookieSession = require('cookie-session');

const app = express();
app.use(helmet());
app.use(cookieSession({ // !! cookie/no-secure cookie/no-samesite cookie/no-expiry // ok session/memory-store cookie/httponly-disabled session/default-name
  name: 'session',
  keys: [process.env.KEY1, process.env.KEY2], // ok secrets/hardcoded
  cookie: { // !! session/cookie-session-nested
    secure: true,
    httpOnly: false, // ok cookie/httponly-disabled
    domain: 'example.com', // ok cookie/broad-domain
    path: 'foo/bar', // ok cookie/relative-path
    sameSite: 'lax',
    expires: new Date(Date.now() + 60 * 60 * 1000),
  },
}));
app.get('/', (req, res) => {
  req.session.views = (req.session.views || 0) + 1;
  res.end(`${req.session.views} views`);
});
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000); // !! tls/plain-http-server
