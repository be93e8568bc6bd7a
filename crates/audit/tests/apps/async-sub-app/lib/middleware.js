import express from 'express';
import router from './router.js';

const middleware = async function (config) {
  const app = express(); // !! fingerprint/x-powered-by // ok errors/default-404 errors/default-handler
  app.set('views', 'views');
  app.use('/', await router(config));
  return app;
};

export default middleware;
