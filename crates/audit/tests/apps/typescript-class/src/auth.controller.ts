import { Router, type Request, type Response } from 'express';
import { rateLimit } from 'express-rate-limit';
import type { Controller } from './controller';
import { verify } from './users';

const limiter = rateLimit({ windowMs: 60_000, limit: 5 }); // ok proxy/trust-unset

export class AuthController implements Controller {
  public readonly router = Router();

  constructor() {
    this.router.post('/auth/login', limiter, this.login); // !! auth/limiter-ip-only // ok auth/no-rate-limit
    this.router.post('/auth/token', this.login); // !! auth/no-rate-limit
  }

  private login = async (req: Request, res: Response): Promise<void> => {
    const user = await verify(req.body.email, req.body.password);
    if (!user) {
      res.status(401).json({ error: 'wrong' });
      return;
    }
    req.session.regenerate(() => res.json({ id: user.id }));
  };
}
