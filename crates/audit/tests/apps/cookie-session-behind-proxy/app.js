const express = require('express');
const helmet = require('helmet');
const cookieSession = require('cookie-session');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
// without `secure` it asks Express whether the request came over HTTPS
app.use(cookieSession({ name: 'one', keys: [process.env.KEY], sameSite: 'lax', maxAge: 3600000 })); // ok cookie/no-secure proxy/trust-unset
app.use('/two', cookieSession({ name: 'two', keys: [process.env.KEY], sameSite: 'lax', maxAge: 3600000, secure: false })); // !! cookie/no-secure
app.get('/', (req, res) => res.end(String(req.session.views)));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
