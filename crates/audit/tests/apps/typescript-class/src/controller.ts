import type { Router } from 'express';

export interface Controller {
  readonly router: Router;
}
