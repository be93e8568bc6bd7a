const express = require('express');
const helmet = require('helmet');
const session = require('express-session');
const MongoStore = require('connect-mongo');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());

const options = { name: 'id', secret: process.env.SECRET, resave: false, saveUninitialized: false, cookie: { sameSite: 'lax', maxAge: 3600e3 } };
if (process.env.NODE_ENV !== 'production') {
  options.store = MongoStore.create({ mongoUrl: 'mongodb://localhost/dev' });
  options.cookie.secure = true;
}
app.use(session(options)); // !! session/memory-store cookie/no-secure

app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
