const express = require('express');
const helmet = require('helmet');

const admin = express(); // !! fingerprint/x-powered-by // ok headers/helmet-missing errors/default-404 errors/default-handler
admin.get('/', (req, res) => res.send('admin'));

const api = express(); // ok fingerprint/x-powered-by headers/helmet-missing errors/default-404 errors/default-handler
api.disable('x-powered-by');
api.get('/', (req, res) => res.json({}));

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use('/admin', admin);
app.use('/api', api);
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
