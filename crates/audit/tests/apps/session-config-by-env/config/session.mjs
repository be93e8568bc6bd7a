import MongoStore from 'connect-mongo';
import config from './index.mjs';

export const sessionOptions = {
  secret: process.env.SESSION_SECRET || 'development secret', // !! secrets/hardcoded
  resave: false,
  saveUninitialized: false,
  store: MongoStore.create({ mongoUrl: config.mongo }),
  cookie: { maxAge: 24 * 60 * 60 * 1000, secure: process.env.NODE_ENV === 'production' },
};
