const express = require('express');
const helmet = require('helmet');
const directives = require('./directives');

const app = express();
app.set('trust proxy', 1);
app.use('/strict', helmet({ contentSecurityPolicy: { directives: { scriptSrc: ["'self'", 'https://js.example.com'], styleSrc: ["'self'", "'unsafe-inline'"] } } })); // ok headers/helmet-weakened
app.use(helmet({
  contentSecurityPolicy: { directives },
  hsts: { maxAge: 0 }, // !! headers/helmet-weakened
  noSniff: false, // !! headers/helmet-weakened
  xssFilter: false, // ok headers/helmet-weakened
  referrerPolicy: { policy: 'strict-origin-when-cross-origin' }, // ok headers/helmet-weakened
}));
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
