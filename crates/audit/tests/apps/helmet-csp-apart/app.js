import express from 'express';
import helmet, { contentSecurityPolicy } from 'helmet';
import crypto from 'node:crypto';

const app = express();
app.set('trust proxy', 1);
app.use(helmet({ contentSecurityPolicy: false })); // ok headers/helmet-weakened
app.use((req, res, next) => {
  res.locals.nonce = crypto.randomBytes(16).toString('base64');
  next();
});
app.use(contentSecurityPolicy({ // ok headers/helmet-partial
  directives: { ...contentSecurityPolicy.getDefaultDirectives(), 'script-src': ["'self'", (req, res) => `'nonce-${res.locals.nonce}'`] },
}));

app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
