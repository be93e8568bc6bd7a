const router = require('express').Router();
router.get('/items/:id', (req, res) => {
  const { query, params } = req;
  if (query.format === 'table') return res.redirect('/table/' + params.id); // ok redirect/open
  res.json({});
});
module.exports = router;
