const express = require('express');
const helmet = require('helmet');
const routes = require('./routes');

const app = express(); // ok errors/default-404 errors/default-handler
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.json());
app.use('/', routes);
app.use((err, req, res, next) => {
  res.status(500).json({ error: 'failed' });
});
app.listen(3000);
