const express = require('express');
const helmet = require('helmet');

const app = express(); // ok headers/helmet-missing fingerprint/x-powered-by headers/helmet-partial
app.set('trust proxy', 1);
if (process.env.NODE_ENV === 'production') app.use(helmet()); // ok headers/helmet-too-late
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
