const express = require('express');
const helmet = require('helmet');
const pages = require('./pages');

const app = express(); // ok headers/helmet-missing
app.disable('x-powered-by');
app.set('trust proxy', 1);
app.use(express.json());
app.use('/', pages);
app.use(helmet()); // !! headers/helmet-too-late
app.use('/api', require('./api'));

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
