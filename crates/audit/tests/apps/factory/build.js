import express from 'express';
import helmet from 'helmet';

export const build = ({ modules, trustProxy }) => {
  const app = express(); // ok headers/helmet-missing errors/default-404 errors/default-handler
  app.set('trust proxy', trustProxy);
  app.use(helmet(), express.json());
  for (const module of modules) module.register(app);
  app.use((req, res) => res.status(404).end());
  app.use((err, req, res, next) => res.status(500).end());
  return app;
};
