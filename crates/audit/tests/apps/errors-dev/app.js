const express = require('express');
const helmet = require('helmet');
const errorHandler = require('errorhandler');

const app = express(); // ok errors/default-handler
app.set('trust proxy', 1);
app.use(helmet());
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use(errorHandler()); // !! errors/dev-handler-unguarded
app.listen(3000);
