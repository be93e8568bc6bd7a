var router = require('express').Router();
var rateLimit = require('express-rate-limit');
var users = require('../users');

var limiter = rateLimit({ // ok proxy/trust-unset auth/limiter-spoofable-key
  windowMs: 15 * 60 * 1000,
  limit: 10,
  keyGenerator: function(req) {
    return req.ip + ' ' + req.body.email; // ok auth/limiter-spoofable-key
  },
});

router.post('/login', limiter, function(req, res, next) { // ok auth/no-rate-limit auth/limiter-ip-only
  users.authenticate(req.body.email, req.body.password, function(err, user) {
    if (err) return next(err);
    if (!user) return res.status(401).render('login');
    res.redirect('/account');
  });
});

module.exports = router;
