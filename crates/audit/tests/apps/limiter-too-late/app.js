const express = require('express');
const helmet = require('helmet');
const { rateLimit } = require('express-rate-limit');
const auth = require('./routes/auth');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.json());
app.use('/api/auth', auth);
app.use('/api', rateLimit({ windowMs: 900000, limit: 50, keyGenerator: (req) => req.body.email + req.ip })); // !! auth/limiter-too-late
app.get('/api/items', (req, res) => res.json([]));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
