import express from 'express';
import helmet from 'helmet';
import session from 'express-session';
import { RedisStore } from 'connect-redis';
import { createClient } from 'redis';
import { baseCookie, BASE } from './defaults.js';

export async function createApp() {
  const client = await createClient({ url: process.env.REDIS_URL }).connect();
  const app = express(); // ok errors/default-404 errors/default-handler headers/helmet-missing
  app.set('trust proxy', 1);
  app.use(helmet());
  app.use(
    session({ // ok session/memory-store session/default-name cookie/no-secure cookie/no-samesite cookie/no-expiry
      ...BASE,
      store: new RedisStore({ client }),
      secret: process.env.SESSION_SECRET,
      cookie: { ...baseCookie, maxAge: 86_400_000 },
    }),
  );
  const admin = express.Router();
  admin.use(
    session({ ...BASE, name: undefined, secret: process.env.ADMIN_SECRET, cookie: { ...baseCookie, secure: false, maxAge: 60_000 } }), // !! session/memory-store session/default-name cookie/no-secure
  );
  admin.get('/', (req, res) => res.send('admin'));
  app.use('/admin', admin);
  app.get('/', (req, res) => res.send('ok'));
  app.use((_req, res) => res.status(404).send('Not found'));
  app.use((err, _req, res, _next) => res.status(500).send('Failed'));
  return app;
}
