import express = require('express');
import helmet = require('helmet');
import session = require('express-session');
import MongoStore = require('connect-mongo');
import { environment } from './environment';

declare module 'express-session' {
  interface SessionData {
    password?: string;
    userId?: string;
  }
}

async function bootstrap(): Promise<void> {
  const app: express.Express = express();
  app.set('trust proxy', environment.production ? 1 : false);
  app.use((helmet as any)());
  app.use(
    session(<session.SessionOptions>{ // !! session/default-name // ok session/memory-store cookie/no-secure
      secret: environment.secret as string,
      resave: false,
      saveUninitialized: false,
      store: (MongoStore as any).create({ mongoUrl: environment.mongo! }),
      cookie: { secure: environment.production, sameSite: 'lax', maxAge: 3_600_000, httpOnly: !true }, // !! cookie/httponly-disabled
    }),
  );
  app.get<{ id: string }>('/items/:id', (req, res) => {
    res.redirect(`/things/${req.params.id}`); // ok redirect/open
  });
  app.use((_req, res) => void res.status(404).end());
  app.use(((_err, _req, res, _next) => res.status(500).end()) as express.ErrorRequestHandler);
  await new Promise<void>((done) => app.listen(environment.port, done));
}

bootstrap().catch((error: unknown) => {
  console.error(error);
  process.exit(1);
});
