const express = require('express');
const helmet = require('helmet');

const app = express(); // !! errors/default-handler // ok errors/default-404
app.set('trust proxy', 1);
app.use(helmet());
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => {
  console.error(err.stack); // ok errors/dev-handler-unguarded
  next(err);
});
app.listen(3000);
