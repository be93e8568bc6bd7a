const express = require('express');

module.exports = (name) => {
  const app = express(); // !! headers/helmet-missing fingerprint/x-powered-by // ok errors/default-404 errors/default-handler
  app.set('name', name);
  if (process.env.BEHIND_LOOPBACK) {
    app.set('trust proxy', 'loopback'); // ok proxy/trust-all
  } else {
    app.enable('trust proxy'); // !! proxy/trust-all
  }
  return app;
};

module.exports.Router = (name) => {
  const router = express.Router();
  router.label = name;
  return router;
};
