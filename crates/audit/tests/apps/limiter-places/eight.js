const router = require('express').Router();
router.post('/login', require('./check')); // ok auth/no-rate-limit
module.exports = router;
