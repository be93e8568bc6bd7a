const express = require('express');
const helmet = require('helmet');

const app = express();
app.set('trust proxy', ['loopback', '10.0.0.0/8']); // ok proxy/trust-all
app.set('strict routing', true); // ok proxy/trust-all
app.use(helmet());
app.get('/', (req, res) => res.send(req.ip));

const other = express();
other.disable('x-powered-by');
other.set('trust proxy', (address, hops) => hops < 2); // ok proxy/trust-all
app.use('/other', other);

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
