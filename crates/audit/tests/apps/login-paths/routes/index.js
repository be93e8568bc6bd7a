const router = require('express').Router();
const users = require('../controllers/users');

router.post('/sessions', users.signIn); // !! auth/no-rate-limit
router.post('/api/v1/auth/sign_in', users.signIn); // !! auth/no-rate-limit
router.route('/enter').post(users.signIn); // !! auth/no-rate-limit

router.post('/authors', users.echo); // ok auth/no-rate-limit
router.post('/designing', users.echo); // ok auth/no-rate-limit
router.post('/catalogin', users.echo); // ok auth/no-rate-limit
router.post('/login-history', users.echo); // ok auth/no-rate-limit
router.post('/register', users.register); // ok auth/no-rate-limit
router.post('/contact', users.echo); // ok auth/no-rate-limit
router.put('/me/password', users.register); // ok auth/no-rate-limit
router.use((req, res) => res.status(404).json({ error: 'not found' }));

module.exports = router;
