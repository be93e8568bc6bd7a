const express = require('express');
const helmet = require('helmet');
const { guardLogin } = require('./guard');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.json());
app.post('/login', guardLogin(5), async (req, res) => { // ok auth/no-rate-limit
  const answer = await fetch(process.env.IDENTITY, { method: 'POST', body: JSON.stringify(req.body) });
  res.sendStatus(answer.ok ? 204 : 401);
});
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
