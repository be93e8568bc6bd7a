const express = require('express');
const helmet = require('helmet');
const sessions = require('client-sessions');

const app = express(); // !! errors/default-handler // ok errors/default-404
app.set('trust proxy', 1);
app.use(helmet());
const cookie = { httpOnly: true, sameSite: 'lax', secureProxy: true };
app.use(sessions({ cookieName: 'site', requestKey: 'session', secret: process.env.SECRET, duration: 86400000, cookie })); // ok session/memory-store session/default-name cookie/httponly-disabled // ?? cookie/no-secure
const ourErrorHandler = (req, res, next) => {
  res.fail = (error) => res.status(500).end(String(error));
  next();
};
app.use(ourErrorHandler);
app.get(/^\/remote\/([a-z0-9:.-]+)$/, (req, res) => res.redirect(`http://${req.params[0]}`)); // !! redirect/open
app.get('/secure', (req, res) => res.redirect(`https://${req.hostname}${req.originalUrl}`)); // ok redirect/open
app.get('/port', (req, res) => res.redirect('https://' + req.headers.host.split(':')[0] + ':8443' + req.url)); // ok redirect/open
app.use((req, res) => res.status(404).end());
app.listen(3000);
