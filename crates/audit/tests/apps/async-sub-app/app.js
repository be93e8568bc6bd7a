import fs from 'node:fs';
import https from 'node:https';
import express from 'express';
import middleware from './lib/middleware.js';
import config from './config.default.js';

const app = express(); // !! headers/helmet-missing fingerprint/x-powered-by errors/default-404 errors/default-handler
let server = app;

const loadConfig = async () => {
  if (!fs.existsSync('./config.js')) return config;
  const { default: custom } = await import('./config.js');
  return { ...config, ...custom };
};

async function bootstrap(settings) {
  const resolved = await middleware(settings);
  app.use(settings.site.base, resolved);
  if (settings.site.ssl) {
    server = https.createServer({ key: fs.readFileSync(settings.site.key), cert: fs.readFileSync(settings.site.cert) }, app);
  }
  server.listen(settings.site.port); // ok tls/plain-http-server
}

bootstrap(await loadConfig());
