import 'dotenv/config';
import fs from 'node:fs';
import crypto from 'node:crypto';
import express from 'express';
import helmet from 'helmet';
import session from 'express-session';
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis';
import jwt from 'jsonwebtoken';

const { SESSION_SECRET, JWT_SECRET } = process.env;
if (!SESSION_SECRET || !JWT_SECRET) throw new Error('SESSION_SECRET and JWT_SECRET have to be set');
const privateKey = fs.readFileSync(process.env.KEY_FILE ?? '/run/secrets/key.pem', 'utf8'); // ok secrets/hardcoded

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(session({
  store: new RedisStore({ client: createClient() }),
  name: 'sid',
  secret: SESSION_SECRET, // ok secrets/hardcoded
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax', maxAge: 3600000 },
}));
app.get('/token', (req, res) => res.json({
  short: jwt.sign({ sub: req.session.userId }, JWT_SECRET, { expiresIn: '5m' }), // ok secrets/hardcoded
  long: jwt.sign({ sub: req.session.userId }, privateKey, { algorithm: 'RS256' }), // ok secrets/hardcoded
  csrf: crypto.createHmac('sha256', crypto.randomBytes(32)).update('x').digest('hex'), // ok secrets/hardcoded
}));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
