const passport = require('passport');
const router = require('express').Router();
if (!process.env.NO_PASSWORDS) {
  router.post('/api/signin', passport.authenticate('local'), (req, res) => res.json({})); // !! auth/no-rate-limit
}
router.post('/api/forgot-password', (req, res) => res.json({})); // ok auth/no-rate-limit
module.exports = router;
