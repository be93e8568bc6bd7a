const passport = require('passport');
const router = require('express').Router();
router.get('/auth/google', passport.authenticate('google', { scope: ['email'] })); // ok auth/no-rate-limit
router.get('/auth/google/callback', passport.authenticate('google', { successRedirect: '/', failureRedirect: '/signin' })); // ok auth/no-rate-limit
module.exports = router;
