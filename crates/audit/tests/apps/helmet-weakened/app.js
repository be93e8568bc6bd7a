import express from 'express';
import * as helmetModule from 'helmet';

const secure = helmetModule.default;
const app = express();
app.set('trust proxy', 1);
app.use(
  secure({ // ok headers/helmet-missing headers/helmet-partial
    contentSecurityPolicy: false, // !! headers/helmet-weakened
    crossOriginEmbedderPolicy: false, // ok headers/helmet-weakened
    hsts: { maxAge: 31536000 }, // ok headers/helmet-weakened
    frameguard: false, // !! headers/helmet-weakened
  }),
);

app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
