import express from 'express';
import helmet from 'helmet';
import session from 'express-session';
import { sessionOptions } from './config/session.mjs';
import config from './config/index.mjs';

const app = express();
app.set('trust proxy', config.proxies);
app.use(helmet());
app.use(session(sessionOptions)); // !! session/default-name cookie/no-samesite // ok session/memory-store cookie/no-secure cookie/no-expiry
app.get('/', (req, res) => res.json({ visits: (req.session.visits = (req.session.visits ?? 0) + 1) }));
app.use((req, res) => res.sendStatus(404));
app.use((err, req, res, next) => {
  res.sendStatus(err.status ?? 500);
});
app.listen(config.port);
