const express = require('express');
const helmet = require('helmet');
const rateLimit = require('express-rate-limit');
const { slowDown } = require('express-slow-down');
const check = require('./check');

const app = express();
app.set('trust proxy', 1);
app.use(helmet());
app.use(express.json());

const key = (req) => `${req.ip}/${req.body.user}`;
const strict = rateLimit({ windowMs: 60_000, limit: 5, keyGenerator: key });
const whole = rateLimit({ windowMs: 60_000, limit: 100 });

// on the route, alone and in a list
app.post('/one/login', strict, check); // ok auth/no-rate-limit auth/limiter-ip-only
app.post('/two/login', [express.text(), strict], check); // ok auth/no-rate-limit auth/limiter-ip-only
app.route('/three/login').all(strict).post(check); // ok auth/no-rate-limit auth/limiter-ip-only
app.route('/four/login').get((req, res) => res.render('login')).post(check); // !! auth/no-rate-limit

// on a prefix
app.use('/five', strict);
app.post('/five/login', check); // ok auth/no-rate-limit
app.use('/sixth', strict); // ok auth/limiter-too-late
app.post('/six/login', check); // !! auth/no-rate-limit

// on a router
const router = express.Router();
router.use(strict);
router.post('/signin', check); // ok auth/no-rate-limit
app.use('/seven', router);

// where the router is mounted
app.use('/eight', slowDown({ windowMs: 60_000, delayAfter: 3, delayMs: () => 500, keyGenerator: key }), require('./eight'));

// by address alone
app.post('/nine/login', whole, check); // !! auth/limiter-ip-only // ok auth/no-rate-limit

// not logins
app.post('/blog/login-tips/comments', (req, res) => res.sendStatus(201)); // ok auth/no-rate-limit
app.get('/login', (req, res) => res.render('login')); // ok auth/no-rate-limit
app.post('/logout', (req, res) => res.sendStatus(204)); // ok auth/no-rate-limit

app.use((req, res) => res.status(404).end());
app.use((err, req, res, next) => res.status(500).end());
app.listen(3000);
