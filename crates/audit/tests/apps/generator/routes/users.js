var express = require('express');
var router = express.Router();
var users = require('../users');

/* GET users listing. */
router.get('/', function(req, res, next) {
  res.send('respond with a resource');
});

router.post('/signin', function(req, res, next) { // !! auth/no-rate-limit
  users.authenticate(req.body.email, req.body.password, function(err, user) {
    if (err) return next(err);
    if (!user) return res.status(401).render('signin');
    res.cookie('lang', user.lang, { maxAge: 31536000000, secure: true, sameSite: 'lax' }); // ok cookie/httponly-disabled cookie/no-expiry
    res.redirect('/users/' + user.id); // ok redirect/open
  });
});

module.exports = router;
