const express = require('express');
const session = require('express-session');
const jwt = require('jsonwebtoken');

const app = express(); // ok headers/helmet-missing fingerprint/x-powered-by errors/default-404 errors/default-handler
app.use(session({ secret: 'test', resave: false, saveUninitialized: true })); // ok secrets/hardcoded session/memory-store session/default-name cookie/no-secure
app.post('/login', (req, res) => res.json({ token: jwt.sign({}, 'secret') })); // ok secrets/hardcoded auth/no-rate-limit
app.listen(0); // ok tls/plain-http-server
