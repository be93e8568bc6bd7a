const express = require('express');
const helmet = require('helmet');

const app = express(); // ok headers/helmet-missing
app.set('trust proxy', 1);
app.disable('x-powered-by');
app.use(helmet.frameguard({ action: 'deny' })); // !! headers/helmet-partial
app.use(helmet.noSniff());
app.use(helmet.xssFilter());

app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
