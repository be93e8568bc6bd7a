import express, { type Application, type NextFunction, type Request, type Response } from 'express';
import helmet from 'helmet';
import expressSession, { type SessionOptions } from 'express-session';
import pgSimple from 'connect-pg-simple';
import type { Controller } from './controller';

const PgStore = pgSimple(expressSession);

export class App {
  public readonly app: Application;

  constructor(private readonly controllers: Controller[], private readonly port: number) {
    this.app = express(); // ok headers/helmet-missing errors/default-404 errors/default-handler fingerprint/x-powered-by
    this.initializeMiddlewares();
    this.initializeControllers();
    this.initializeErrors();
  }

  private initializeMiddlewares(): void {
    this.app.set('trust proxy', 1);
    this.app.use(helmet());
    this.app.use(express.json());
    const options: SessionOptions = {
      store: new PgStore({ conString: process.env.DATABASE_URL }),
      secret: process.env.SESSION_SECRET!, // ok secrets/hardcoded
      name: 'sid',
      resave: false,
      saveUninitialized: false,
      cookie: { secure: true, sameSite: 'lax' as const, maxAge: 3_600_000 } satisfies SessionOptions['cookie'],
    };
    this.app.use(expressSession(options)); // ok session/memory-store session/default-name cookie/no-secure cookie/no-samesite
  }

  private initializeControllers(): void {
    this.controllers.forEach((controller) => {
      this.app.use('/api', controller.router);
    });
  }

  private initializeErrors(): void {
    this.app.use((_req: Request, res: Response) => {
      res.status(404).json({ error: 'not found' });
    });
    this.app.use((err: Error, _req: Request, res: Response, _next: NextFunction) => {
      console.error(err.stack);
      res.status(500).json({ error: 'internal' });
    });
  }

  public listen(): void {
    this.app.listen(this.port, () => console.log(`listening on ${this.port}`));
  }
}
