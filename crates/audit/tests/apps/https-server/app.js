const express = require('express');
const fs = require('fs');
const http = require('http');
const https = require('https');
const helmet = require('helmet');
const session = require('express-session');
const { RedisStore } = require('connect-redis');
const { createClient } = require('redis');
const { rateLimit } = require('express-rate-limit');

const app = express();
app.use(helmet());
app.use(rateLimit({ windowMs: 60000, limit: 100 })); // ok proxy/trust-unset
app.use(session({
  store: new RedisStore({ client: createClient() }),
  name: 'id',
  secret: process.env.SECRET,
  resave: false,
  saveUninitialized: false,
  cookie: { secure: true, sameSite: 'lax', maxAge: 3600000 }, // ok proxy/trust-unset
}));
app.get('/', (req, res) => res.send('ok'));
app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());

https.createServer({ key: fs.readFileSync('key.pem'), cert: fs.readFileSync('cert.pem') }, app).listen(443); // ok tls/plain-http-server
http.createServer((req, res) => {
  res.writeHead(301, { Location: 'https://example.com' + req.url }); // ok redirect/open
  res.end();
}).listen(80); // ok tls/plain-http-server
