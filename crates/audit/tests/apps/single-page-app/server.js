const express = require('express');
const helmet = require('helmet');
const path = require('path');

const app = express(); // ?? errors/default-404 // ok errors/default-handler
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.static(path.join(__dirname, 'www')));
app.get('/{*path}', (req, res) => res.sendFile(path.join(__dirname, 'www', 'index.html')));
app.use((err, req, res, next) => res.sendStatus(500));
app.listen(3000);
