const express = require('express');
const login = require('./login');

module.exports = (config) => {
  const app = express(); // !! fingerprint/x-powered-by
  app.use(express.urlencoded({ extended: true }));
  app.on('mount', () => {
    login(app, config);
    app.use((err, req, res, next) => {
      if (err.code !== 'EBADCSRFTOKEN') return next(err);
      res.sendStatus(403);
    });
    app.get('/{*any}', (req, res) => res.send('<!doctype html>'));
  });
  return app;
};
