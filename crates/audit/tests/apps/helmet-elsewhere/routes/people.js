const router = require('express').Router();
router.get('/', (req, res) => res.json([]));
router.post('/login', (req, res) => { // !! auth/no-rate-limit
  if (!check(req.body.user, req.body.password)) return res.sendStatus(401);
  res.json({ ok: true });
});

function check(user, password) {
  return user === process.env.ADMIN_USER && password === process.env.ADMIN_PASSWORD;
}
module.exports = router;
