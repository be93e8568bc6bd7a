const express = require('express');
const dashboard = require('./dashboard');

module.exports = (options) => {
  const trustProxy = options.trustProxy || process.env.TRUST_PROXY;
  const app = express(); // !! headers/helmet-missing fingerprint/x-powered-by errors/default-handler // ?? errors/default-404
  if (trustProxy) app.enable('trust proxy'); // !! proxy/trust-all
  app.use(options.mountPath || '/', dashboard({ trustProxy, store: options.store, secret: options.secret, maxAge: options.maxAge }));
  return app.listen(options.port);
};
