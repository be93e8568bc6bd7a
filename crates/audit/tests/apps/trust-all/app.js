const express = require('express');
const helmet = require('helmet');

const app = express();
app.enable('trust proxy'); // !! proxy/trust-all
app.use(helmet());
app.get('/', (req, res) => res.send(req.ip));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
