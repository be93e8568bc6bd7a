import express from 'express';
import helmet from 'helmet';
import session from 'express-session';
import * as pages from './pages.js';
import { sessionSettings } from './settings.js';

const app = express(); // ok errors/default-handler
app.set('trust proxy', 1);
app.use(helmet());
app.use(session(sessionSettings(process.env.DOMAIN))); // !! cookie/no-samesite // ok session/memory-store session/default-name cookie/no-secure cookie/no-expiry
app.get('/', (req, res) => res.send('ok'));
app.use(pages.missing);
app.use(pages.failed);
app.listen(3000);
