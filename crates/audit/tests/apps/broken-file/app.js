const express = require('express');
const helmet = require('helmet');

const app = express(); // !! errors/default-404
app.set('trust proxy', true); // !! proxy/trust-all
app.use(helmet());
app.get('/', (req, res) => res.send('ok'));
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
