const express = require('express');
const helmet = require('helmet');
const api = require('./api');

const app = express(); // !! errors/default-handler errors/default-404
app.set('trust proxy', 1);
app.use(helmet());
app.use((err, req, res, next) => {
  res.status(500).send('never reached');
});
app.use('/api', api);
app.get('/', (req, res) => res.send('ok'));
app.use('/static', (req, res) => res.status(404).end());
app.listen(3000);
