const express = require('express');
const helmet = require('helmet');

const app = express(); // ok errors/default-handler errors/default-404
app.set('trust proxy', 1);
app.use(helmet());
app.get('/', (req, res) => res.send('ok'));
app.all('/{*any}', (req, res) => res.status(404).end());
app.use(logErrors);
app.use((err, req, res, next) => {
  res.status(err.status || 500).json({ message: err.message, stack: err.stack }); // !! errors/dev-handler-unguarded
});
app.listen(3000);

function logErrors(err, req, res, next) {
  console.error(err.stack); // ok errors/dev-handler-unguarded
  next(err);
}
