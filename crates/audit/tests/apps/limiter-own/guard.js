const seen = new Map();

exports.guardLogin = (most) => (req, res, next) => {
  const key = `${req.ip} ${req.body.email}`;
  const count = (seen.get(key) ?? 0) + 1;
  seen.set(key, count);
  setTimeout(() => seen.delete(key), 60_000).unref();
  if (count > most) return res.sendStatus(429);
  next();
};
