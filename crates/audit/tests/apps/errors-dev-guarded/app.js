const express = require('express');
const helmet = require('helmet');
const errorHandler = require('errorhandler');

const app = express(); // ok errors/default-handler
app.set('trust proxy', 1);
app.use(helmet());
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
if (process.env.NODE_ENV === 'development') {
  app.use(errorHandler()); // ok errors/dev-handler-unguarded
} else {
  app.use((err, req, res, next) => {
    const shown = process.env.NODE_ENV === 'production' ? {} : { stack: err.stack }; // ok errors/dev-handler-unguarded
    res.status(500).json(shown);
  });
}
app.listen(3000);
