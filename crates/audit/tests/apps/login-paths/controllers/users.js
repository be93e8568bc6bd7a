const bcrypt = require('bcrypt');
const jwt = require('jsonwebtoken');
const store = require('../store');

exports.signIn = async (req, res) => {
  const user = await store.byEmail(req.body.email);
  if (!user || !(await bcrypt.compare(req.body.password, user.hash))) return res.sendStatus(401);
  res.json({ token: jwt.sign({ sub: user.id }, process.env.JWT_SECRET, { expiresIn: '1h' }) }); // ok secrets/hardcoded
};

exports.register = async (req, res) => {
  const hash = await bcrypt.hash(req.body.password, 12);
  await store.insert({ email: req.body.email, hash });
  res.sendStatus(201);
};

exports.echo = (req, res) => res.json(req.body);
