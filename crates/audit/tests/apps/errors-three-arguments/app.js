const express = require('express');
const helmet = require('helmet');

const app = express(); // !! errors/default-handler // ok errors/default-404
app.set('trust proxy', 1);
app.use(helmet());
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res) => {
  res.status(500).send('Express takes this for a middleware');
});
app.listen(3000);
