import express from 'express';
import helmet from 'helmet';
import { settings } from './settings.js';

const app = express();
for (const [name, value] of Object.entries(settings)) app.set(name, value);
app.set('trust proxy', settings.proxy); // !! proxy/trust-all
app.use(helmet());
app.get('/', (req, res) => res.send(req.ip));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
